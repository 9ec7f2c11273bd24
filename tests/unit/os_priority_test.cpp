#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "agent/os/files.h"
#include "agent/os/priority.h"

namespace dbagent::os {
namespace {

// ` nice 10`
std::string Nice() {
  const Result<std::string> text = ReadFile("/proc/self/autogroup");
  const std::size_t at = text.ok() ? text->find(' ') : std::string::npos;
  return at == std::string::npos ? "" : text->substr(at, text->find('\n') - at);
}

bool LowersAndComesBack() {
  if (setsid() < 0) return false;
  prctl(PR_SET_DUMPABLE, 1);  // as a program that was just started; this one has dropped root
  SessionYield::Prepare();
  prctl(PR_SET_DUMPABLE, 0);
  const std::string before = Nice();
  std::optional<SessionYield> first(std::in_place), second(std::in_place);
  const bool lowered = Nice() == " nice 10";
  first.reset();
  const bool still = Nice() == " nice 10";
  second.reset();
  return lowered && still && Nice() == before;
}

TEST(SessionYield, LowersTheWeightOfTheSessionAsLongAsOneLives) {
  if (Nice().empty()) GTEST_SKIP() << "the kernel groups nothing by session";
  const pid_t child = fork();
  if (child == 0) _exit(LowersAndComesBack() ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace dbagent::os
