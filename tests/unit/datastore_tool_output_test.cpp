#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/os/direct_host.h"
#include "datastores/log_file.h"
#include "datastores/tool_output.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::datastore {
namespace {

using tests::ReasonOf;

class ToolOutput : public testing::Test {
 protected:
  void Open(std::vector<os::ToolDefinition> tools) {
    os::DirectHostOptions options;
    options.volume = os::Volume(directory_ / "volume");
    options.table.tools = std::move(tools);
    options.runtime_directory = directory_ / "run";
    host_ = os::MakeDirectHost(std::move(options));
    ASSERT_OK(host_->PrepareVolume());
  }
  static os::ToolDefinition Printing(const std::string& text) {
    return {"print", "/usr/bin/printf", {"%b", text}, {}, {}};
  }
  OpContext ctx() const { return OpContext().WithBudget(std::chrono::seconds(20)); }
  Status List(const os::ToolCall& call, std::vector<ListedFile>& found) {
    return ForEachFile(ctx(), *host_, call, [&found](const ListedFile& file) {
      found.push_back(file);
      return Ok();
    });
  }

  tests::TempDir directory_;
  std::unique_ptr<os::InstanceHost> host_;
};

TEST_F(ToolOutput, ListsFilesWhateverTheirNames) {
  const os::Path files = directory_ / "files";
  ASSERT_OK(os::MakeDirectories(files / "inner" / "below", 0700));
  ASSERT_OK(os::WriteFileAtomic(files / "two\nlines f 9 x", "12345", 0600));
  ASSERT_OK(os::WriteFileAtomic(files / "inner" / "-x \xff", "1", 0600));
  ASSERT_EQ(symlink("/nowhere", (files / "link").c_str()), 0);
  ASSERT_EQ(symlink("/", (files / "inner" / "root").c_str()), 0);
  ASSERT_EQ(mkfifo((files / "pipe").c_str(), 0600), 0);
  Open({ListFilesTool("list", files, 2, {})});
  std::vector<ListedFile> found;
  ASSERT_OK(List({"list", {}, -1, -1, {}}, found));
  std::vector<std::string> lines;
  for (const ListedFile& file : found)
    lines.push_back(
        fmt::format("{} {} {}", file.kind, file.kind == 'f' ? file.bytes : 0, file.name));
  std::sort(lines.begin(), lines.end());
  EXPECT_EQ(lines, (std::vector<std::string>{"d 0 inner", "d 0 inner/below", "f 1 inner/-x \xff",
                                             "f 5 two\nlines f 9 x", "l 0 inner/root", "l 0 link",
                                             "p 0 pipe"}));
}

TEST_F(ToolOutput, AnErrorOfTheCallersEndsTheListing) {
  Open({ListFilesTool("list", "/etc", 1, {})});
  int seen = 0;
  const Status listed =
      ForEachFile(ctx(), *host_, {"list", {}, -1, -1, {}}, [&seen](const ListedFile&) -> Status {
        ++seen;
        return Error(Code::kAborted, "ENOUGH", "enough");
      });
  EXPECT_EQ(ReasonOf(listed), "ENOUGH");
  EXPECT_EQ(seen, 1);
}

TEST_F(ToolOutput, RefusesWhatHasNotItsForm) {
  for (const std::string text :
       {"f 1 cut off", "f x name\\0", "f 1\\0", "f 1 \\0", "? 1 name\\0", "f 1x name\\0", "\\0",
        "f 99999999999999999999 name\\0", "f  name\\0", "f -1 name\\0"}) {
    Open({Printing(text)});
    std::vector<ListedFile> found;
    EXPECT_EQ(ReasonOf(List({"print", {}, -1, -1, {}}, found)), "TOOL_OUTPUT_INVALID") << text;
    EXPECT_TRUE(found.empty()) << text;
  }
  Open({Printing("f 1 " + std::string(10'000, 'x') + "\\0")});
  std::vector<ListedFile> found;
  EXPECT_EQ(ReasonOf(List({"print", {}, -1, -1, {}}, found)), "TOOL_OUTPUT_INVALID");
}

TEST_F(ToolOutput, ReadsARegularFileUpToALimitAndNothingElse) {
  const os::Path file = directory_ / "file", link = directory_ / "link", pipe = directory_ / "pipe";
  ASSERT_OK(os::WriteFileAtomic(file, "the text\n", 0600));
  ASSERT_EQ(symlink(file.c_str(), link.c_str()), 0);
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  Open({ReadFileTool("file", file, {}), ReadFileTool("link", link, {}),
        ReadFileTool("pipe", pipe, {}), ReadFileTool("missing", directory_ / "missing", {})});
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       ToolText(ctx(), *host_, {"file", {}, -1, -1, {}}, 9));
  EXPECT_EQ(text, "the text\n");
  EXPECT_EQ(ReasonOf(ToolText(ctx(), *host_, {"file", {}, -1, -1, {}}, 8)), "TOOL_OUTPUT_INVALID");
  EXPECT_EQ(ReasonOf(ToolText(ctx(), *host_, {"link", {}, -1, -1, {}}, 100)), "TOOL_FAILED");
  EXPECT_EQ(ReasonOf(ToolText(ctx(), *host_, {"missing", {}, -1, -1, {}}, 100)), "TOOL_FAILED");
  ASSERT_OK_AND_ASSIGN(const std::string nothing,
                       ToolText(ctx(), *host_, {"pipe", {}, -1, -1, {}}, 100));
  EXPECT_EQ(nothing, "");
}

TEST(LogFile, ReadsWhatCameSinceAndAtMostSoMuch) {
  const tests::TempDir directory;
  const os::Path log = directory / "log";
  EXPECT_EQ(LogSize(log), 0U);
  EXPECT_EQ(LogSince(log, 0, 100), "");
  ASSERT_OK(os::WriteFileAtomic(log, "0123456789", 0600));
  EXPECT_EQ(LogSize(log), 10U);
  EXPECT_EQ(LogSince(log, 4, 100), "456789");
  EXPECT_EQ(LogSince(log, 4, 2), "89");
  EXPECT_EQ(LogSince(log, 10, 100), "");
  EXPECT_EQ(LogSince(log, 50, 100), "0123456789");  // rotated
}

TEST(LogFile, FollowsNoLinkAndWaitsForNoPipe) {
  const tests::TempDir directory;
  ASSERT_OK(os::WriteFileAtomic(directory / "secret", "secret", 0600));
  const os::Path link = directory / "link", pipe = directory / "pipe";
  ASSERT_EQ(symlink((directory / "secret").c_str(), link.c_str()), 0);
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const os::Path& log : {link, pipe, directory.path()}) {
    EXPECT_EQ(LogSize(log), 0U) << log;
    EXPECT_EQ(LogSince(log, 0, 100), "") << log;
  }
}

}  // namespace
}  // namespace dbagent::datastore
