// A scratch server: an instance's driver, host and files once more, beside it.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "agent/os/process.h"
#include "datastores/configuration_sets.h"
#include "datastores/postgresql/consistency_check.h"
#include "datastores/postgresql/server_control.h"
#include "tests/contract/contract_test.h"
#include "tests/contract/text_streams.h"

namespace dbagent::tests {
namespace {

class ScratchContract : public ContractTest {
 protected:
  void SetUp() override {
    driver_ = traits().make_driver();
    settings_ = datastore::ScratchOf(server().settings());
    host_ = server().MakeScratchHost();
    ASSERT_OK(host_->PrepareVolume());
    scratch_ = driver_->Open(settings_, store().info(), *host_);
    ASSERT_OK_AND_ASSIGN(const os::Generation generation, host_->MakeGeneration());
    datastore::ConfigurationSet set = server().SmallSet();
    set.allowed_networks.clear();
    ASSERT_OK_AND_ASSIGN(const auto rendered, scratch_->layers()->Render(set, 1));
    ASSERT_OK(datastore::WriteSet(settings_.volume, 1, rendered));
    ASSERT_OK(datastore::SelectSet(settings_.volume, rendered));
    ASSERT_OK(scratch_->server()->Initialise(Long(), {generation}));
    ASSERT_OK(host_->SwitchGeneration(generation.number));
    ASSERT_OK(scratch_->server()->Start(Long()));
  }
  void TearDown() override {
    EXPECT_OK(scratch_->server()->Stop(ctx()));
    scratch_.reset();
    EXPECT_OK(host_->Discard(Deadline::After(std::chrono::seconds(20))));
    EXPECT_FALSE(std::filesystem::exists(settings_.volume.root()));
    ContractTest::TearDown();
  }
  OpContext Long() const { return OpContext().WithBudget(std::chrono::minutes(3)); }

  // A database of this server, with hard data in it, becomes one of the scratch server.
  void Copy(const std::string& name) {
    MakeDatabase(name);
    const auto session = RootSession(name);
    ASSERT_NE(session, nullptr);
    for (const std::string& sql : traits().hard_data) ASSERT_OK(session->Query(sql)) << sql;
    TextSink dump;
    ASSERT_OK_AND_ASSIGN(const datastore::DumpFacts facts,
                         store().logical_backup()->Dump(Long(), name, dump));
    TextSource source(dump.text);
    datastore::LoadSpec spec{facts.database};
    spec.before_account = [](const UserId&) { return Ok(); };
    ASSERT_OK(scratch_->logical_backup()->Load(Long(), spec, source));
  }
  // Inodes of the sockets that somebody listens on by TCP.
  static std::set<std::string> Listening() {
    std::set<std::string> inodes;
    for (const char* const table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
      std::ifstream file(table);
      for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
        words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
            timeout >> inode;
        if (state == "0A") inodes.insert(inode);
      }
    }
    return inodes;
  }

  std::unique_ptr<datastore::Driver> driver_;
  datastore::ServerSettings settings_;
  std::unique_ptr<os::InstanceHost> host_;
  std::unique_ptr<datastore::Datastore> scratch_;
};

TEST_F(ScratchContract, AnswersTheAgentAndListensOnNoNetwork) {
  EXPECT_EQ(scratch_->CheckHealth().state, HealthState::kHealthy);
  EXPECT_EQ(store().CheckHealth().state, HealthState::kHealthy);
  const std::set<std::string> listening = Listening();
  const pid_t pid = host_->ServerState().pid;
  ASSERT_GT(pid, 0);
  ASSERT_OK_AND_ASSIGN(
      const std::string descriptors,
      server().AsServer(fmt::format("find /proc/{}/fd -type l -printf '%l\\n'", pid)));
  std::istringstream targets(descriptors);
  for (std::string target; std::getline(targets, target);) {
    if (!target.starts_with("socket:[")) continue;
    EXPECT_FALSE(listening.contains(target.substr(8, target.size() - 9))) << target;
  }
}

TEST_F(ScratchContract, FindsNothingInGoodData) {
  Copy("scratch copy");
  datastore::DataReport report;
  ASSERT_OK(scratch_->consistency_check()->CheckData(Long(), report));
  for (const datastore::DataFinding& finding : report.findings)
    ADD_FAILURE() << finding.database << " " << finding.object << ": " << finding.what;
  EXPECT_GT(report.tables, 0U);
  EXPECT_GT(report.databases, 1U);
  EXPECT_FALSE(report.checks.empty());
  // and again: what the checks installed is there already
  datastore::DataReport again;
  ASSERT_OK(scratch_->consistency_check()->CheckData(Long(), again));
  EXPECT_EQ(again.finding_count, 0U);
  EXPECT_EQ(again.tables, report.tables);
}

TEST_F(ScratchContract, PostgresqlReadsEveryTableWhereTheExtensionIsMissing) {
  if (traits().kind != "postgresql") return;
  Copy("scratch copy");
  datastore::postgresql::Server parts(settings_, store().info(), *host_);
  datastore::postgresql::PostgresServerControl control(parts);
  datastore::postgresql::PostgresConsistencyCheck check(parts, control);
  datastore::DataReport report;
  ASSERT_OK(check.CheckDatabases(Long(), false, report));
  EXPECT_EQ(report.finding_count, 0U);
  EXPECT_GT(report.tables, 100U);  // the catalog's are among them
}

TEST_F(ScratchContract, AStoppedCheckAnswersSo) {
  const auto stop = std::make_shared<StopSwitch>();
  stop->RequestStop(StopReason::kCancelled);
  datastore::DataReport report;
  EXPECT_EQ(ReasonOf(scratch_->consistency_check()->CheckData(
                OpContext(stop, Deadline::Never(), "", nullptr), report)),
            "CANCELLED");
  EXPECT_EQ(report.finding_count, 0U);
}

}  // namespace
}  // namespace dbagent::tests
