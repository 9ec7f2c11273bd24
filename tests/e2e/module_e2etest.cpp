#include <gtest/gtest.h>

#include <filesystem>

#include "datastores/module.h"
#include "tests/e2e/agent_process.h"

namespace dbagent::tests {
namespace {

// An agent with a directory of modules of the test's own.
class Modules : public testing::Test {
 protected:
  void SetUp() override {
    agent_.module_directory = modules_.path();
    name_ = "datastore_" + TheTraits().kind + ".so";
  }
  // It must end by itself, having said `reason`.
  void ExpectRefusal(const std::string& reason, const std::string& detail) {
    agent_.Start();
    EXPECT_TRUE(agent_.WaitForEnd());
    EXPECT_NE(agent_.log().find("reason=" + reason), std::string::npos) << agent_.log();
    EXPECT_NE(agent_.log().find(detail), std::string::npos) << agent_.log();
  }

  TempDir modules_;
  AgentProcess agent_;
  std::string name_;
};

TEST_F(Modules, AMissingOneIsNamedWithThoseThatAreThere) {
  std::filesystem::copy_file(DBAGENT_BINARY_DIR "/tests/old_module.so",
                             modules_ / "datastore_other.so");
  ExpectRefusal("MODULE_NOT_FOUND", "there: datastore_other.so");
}

TEST_F(Modules, AForeignLibraryIsRefused) {
  std::filesystem::copy_file(DBAGENT_BINARY_DIR "/agent/libdbagent-core.so", modules_ / name_);
  ExpectRefusal("MODULE_FOREIGN", "it is not a module of dbagentd");
}

TEST_F(Modules, AFileThatIsNoLibraryIsRefused) {
  std::filesystem::copy_file(DBAGENT_SOURCE_DIR "/README.md", modules_ / name_);
  ExpectRefusal("MODULE_FOREIGN", "invalid ELF header");
}

TEST_F(Modules, OneOfAnOlderContractIsRefused) {
  std::filesystem::copy_file(DBAGENT_BINARY_DIR "/tests/old_module.so", modules_ / name_);
  ExpectRefusal("MODULE_INCOMPATIBLE",
                fmt::format("it has contract version {}, this agent has {}",
                            datastore::kContractVersion - 1, datastore::kContractVersion));
}

TEST_F(Modules, OneOfTheOtherDatastoreIsRefused) {
  const std::string other = TheTraits().kind == "mysql" ? "postgresql" : "mysql";
  std::filesystem::copy_file(DBAGENT_BINARY_DIR "/datastores/datastore_" + other + ".so",
                             modules_ / name_);
  ExpectRefusal("MODULE_FOREIGN", "it is a driver for '" + other + "'");
}

}  // namespace
}  // namespace dbagent::tests
