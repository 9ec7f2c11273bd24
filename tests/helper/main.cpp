// These tests start dbagent-helper, which is root's, so this program stays root.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "agent/os/separation.h"
#include "tests/helper/helper_process.h"

namespace {
constexpr int kSkipped = 77;  // for ctest
}

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (geteuid() != 0) {
    std::printf("not run: only root can start dbagent-helper\n");
    return kSkipped;
  }
  for (const char* user : {dbagent::tests::kAgentUser, dbagent::tests::kServerUser}) {
    if (dbagent::os::FindOsUser(user).ok()) continue;
    std::fprintf(stderr, "no user '%s'; tests/run makes it, or: useradd --system %s\n", user, user);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  return RUN_ALL_TESTS();
}
