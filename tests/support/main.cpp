// gtest's main for every test program. Database servers refuse to run as root, and tests should
// need no privilege: when started as root it becomes the user DBAGENT_TEST_USER (default
// `dbagent-test`, which tests/run makes).
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/support/arguments.h"

namespace {

bool DropRoot() {
  if (geteuid() != 0) return true;
  const char* name = std::getenv("DBAGENT_TEST_USER");
  if (name == nullptr) name = "dbagent-test";
  const passwd* user = getpwnam(name);
  if (user == nullptr) {
    std::fprintf(stderr,
                 "no user '%s' to run the tests as; tests/run makes it, or: useradd --system %s\n",
                 name, name);
    return false;
  }
  return initgroups(name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
         setuid(user->pw_uid) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (!DropRoot()) return 2;
  signal(SIGPIPE, SIG_IGN);  // as dbagentd does
  testing::InitGoogleTest(&argc, argv);
  dbagent::tests::ParseArguments(argc, argv);
  return RUN_ALL_TESTS();
}
