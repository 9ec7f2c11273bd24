#include <gtest/gtest.h>

#include "agent/os/files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::os {
namespace {

// As `dbagentd --write-tool-table tools` is typed.
TEST(Files, ANameWithoutADirectoryIsOfTheWorkingDirectory) {
  const tests::TempDir directory;
  const Path before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  const Status written = WriteFileAtomic("file", "text", 0600);
  std::filesystem::current_path(before);
  ASSERT_OK(written);
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(directory / "file"));
  EXPECT_EQ(text, "text");
}

}  // namespace
}  // namespace dbagent::os
