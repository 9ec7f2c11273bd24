// The same server copied by pgBackRest with its best settings (zstd 1, two processes), to the same
// disk and to the same S3 endpoint, and restored by it.
#include <gtest/gtest.h>

#include <fstream>

#include "agent/storage/open_store.h"
#include "tests/bench/speed.h"
#include "tests/support/swift_server.h"
#include "tests/support/tls_front.h"

namespace dbagent::tests {
namespace {

class PgBackRest : public Speed {
 protected:
  void SetUp() override {
    if (TheTraits().kind != "postgresql") GTEST_SKIP() << "pgBackRest copies PostgreSQL";
    if (!std::filesystem::exists("/usr/bin/pgbackrest"))
      GTEST_SKIP() << "packaging/install-dependencies bench";
    Speed::SetUp();
  }
  // `repository` in its own words.
  void Configure(const std::string& repository) {
    std::ofstream(Home("pgbackrest.conf"))
        << "[global]\n"
        << repository << "log-path=" << Home("rest-log") << "\nlock-path=" << Home("rest-lock")
        << "\nspool-path=" << Home("rest-spool")
        << "\nlog-level-console=off\nlog-level-file=off\nlog-level-stderr=error\n"
           "compress-type=zst\ncompress-level=1\nprocess-max=2\nstart-fast=y\narchive-check=n\n"
           "repo1-retention-full=1\n[main]\npg1-path="
        << (agent_.volume().current() / "data").native()
        << "\npg1-socket-path=" << agent_.run_directory().native() << "\npg1-port=" << agent_.port()
        << "\n";
    Shell("mkdir -p " + Home("rest-log") + " " + Home("rest-lock") + " " + Home("rest-spool"));
    Shell(Rest("stanza-create"));
  }
  std::string Rest(const std::string& command) {
    return "pgbackrest --config=" + Home("pgbackrest.conf") + " --stanza=main " + command;
  }
};

TEST_F(PgBackRest, ToTheSameDisk) {
  Configure("repo1-path=" + Home("rest") + "\n");
  Begin(true);
  Backup("--physical");
  Compare(
      "physical, encrypted: backup", [&] { Backup("--physical"); }, "pgbackrest; sync -f",
      [&] { Shell(Rest("backup --type=full") + " && sync -f " + Home("rest")); });
  const std::string id = Newest().id();
  const auto theirs = [&] {
    Shell("rm -rf " + Home("restored") + " && mkdir -m 0700 " + Home("restored") + " && " +
          Rest("restore --type=none --pg1-path=" + Home("restored")) + " && sync -f " +
          Home("restored"));
  };
  const std::string name = "pgbackrest restore; sync -f";
  Compare(
      "physical, encrypted: restore of the files", [&] { Unpack(id); }, name, theirs,
      [&] { AwaitRestored(); });
  Compare(
      "physical, encrypted: restore, new server runs", [&] { Restore(id); }, name, theirs);
}

TEST_F(PgBackRest, ToTheSameS3) {
  const TlsFront front(TheSwift().url());
  AddObjectStores(front.url(), front.ca_file());
  Begin(true);
  for (const char* bucket : {"rest", "bench"}) {
    auto store = storage::OpenStore(TheSwift().Swift(bucket));
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    const OpContext ctx;
    ASSERT_TRUE((*store)->Put(ctx, "made", AsBytes("it")).ok());
  }
  Configure(fmt::format(
      "repo1-type=s3\nrepo1-path=/\nrepo1-s3-bucket=rest\nrepo1-s3-endpoint=localhost\n"
      "repo1-storage-port={}\nrepo1-storage-ca-file={}\nrepo1-s3-uri-style=path\n"
      "repo1-s3-region=us-east-1\nrepo1-s3-key=test:tester\nrepo1-s3-key-secret=testing\n",
      front.port(), front.ca_file()));
  Compare(
      "physical, encrypted, s3 over TLS: backup", [&] { Backup("--physical --store s3"); },
      "pgbackrest", [&] { Shell(Rest("backup --type=full")); });
}

}  // namespace
}  // namespace dbagent::tests
