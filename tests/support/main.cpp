// gtest's main for every test program. Database servers refuse to run as root, and tests should
// need no privilege: when started as root it becomes the user DBAGENT_TEST_USER (default
// `dbagent-test`, which tests/run makes).
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/support/arguments.h"
#include "tests/support/as_root.h"
#include "tests/support/root_part.h"
#include "tests/support/server_traits.h"
#include "tests/support/small_filesystems.h"

namespace {

bool DropRoot(bool separate) {
  if (geteuid() != 0 && separate) {
    std::fprintf(stderr, "not run: only root can be two OS users\n");
    std::exit(77);
  }
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
  dbagent::tests::MountSmallFilesystems();
  dbagent::tests::PrepareAsRoot();
  if (separate) dbagent::tests::RootPart::Fork(name);
  return initgroups(name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
         setuid(user->pw_uid) == 0;
}

// Suites of one driver's own promises are named after it; on another's server they are no cases at
// all.
void LeaveOutOtherDrivers() {
  if (dbagent::tests::TheArguments().server.empty()) return;
  const std::string kind = dbagent::tests::TheTraits().kind;
  std::string& filter = testing::GTEST_FLAG(filter);
  const bool has_negative = filter.find('-') != std::string::npos;
  filter += has_negative ? ":" : "-";
  filter += kind == "mysql" ? "Postgresql*:*/Postgresql*" : "Mysql*:*/Mysql*";
}

}  // namespace

int main(int argc, char** argv) {
  const bool separate = std::any_of(argv + 1, argv + argc, [](const char* argument) {
    return std::string_view(argument) == dbagent::tests::kSeparateArgument;
  });
  if (!DropRoot(separate)) return 2;
  signal(SIGPIPE, SIG_IGN);  // as dbagentd does
  testing::InitGoogleTest(&argc, argv);
  dbagent::tests::ParseArguments(argc, argv);
  LeaveOutOtherDrivers();
  return RUN_ALL_TESTS();
}
