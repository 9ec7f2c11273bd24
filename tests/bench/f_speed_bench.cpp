// Backups and restores of a server of more than a gigabyte beside the fastest that can be had of
// plain tools, taken in turn: each figure is the median of its pairs. Every side ends with its data
// on disk.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "agent/os/files.h"
#include "tests/bench/bench.h"
#include "tests/bench/bulk.h"
#include "tests/support/swift_server.h"

namespace dbagent::tests {
namespace {

int Pairs() {
  const char* pairs = std::getenv("DBAGENT_BENCH_PAIRS");
  return pairs == nullptr ? 5 : std::max(1, std::atoi(pairs));
}

// The two sides in turn, and then the ratio of each pair: noise of the machine hits both.
void Compare(const std::string& what, const std::function<void()>& ours, const std::string& name,
             const std::function<void()>& beside) {
  Samples our_times, their_times;
  std::vector<double> ratios;
  for (int i = 0; i < Pairs(); ++i) {
    Samples ours_now, theirs_now;
    if (i % 2 == 0) theirs_now.Time(beside);
    ours_now.Time(ours);
    if (i % 2 != 0) theirs_now.Time(beside);
    ratios.push_back(ours_now.Median() / theirs_now.Median());
    our_times.Merge(ours_now);
    their_times.Merge(theirs_now);
  }
  std::sort(ratios.begin(), ratios.end());
  Report(what, our_times.ToString(),
         fmt::format("x {:.2f} ({:.2f} to {:.2f}) {}: {}", ratios[ratios.size() / 2],
                     ratios.front(), ratios.back(), name, their_times.ToString()));
}

class Speed : public testing::Test {
 protected:
  void Begin(bool encrypted) {
    agent_.Stop();
    const Status key =
        os::WriteFileAtomic(agent_.home() / "key", std::string(64, 'a') + "\n", 0600);
    ASSERT_TRUE(key.ok()) << key.ToString();
    agent_.more_settings =
        std::string("default_store: local\n") +
        (encrypted ? "encryption: {keys: [{id: k, key: {file: " + (agent_.home() / "key").native() +
                         "}}]}\n"
                   : "");
    agent_.Start();
    ASSERT_TRUE(agent_.BecomesHealthy());
  }
  void SetUp() override {
    agent_.Start();
    Prepare(agent_, 0, 0);
    FillBulk(agent_, 5);
    if (TheTraits().kind == "postgresql") {
      // a copy that takes long must find its log at the end
      const auto session = BareSession(agent_);
      Ask(*session, "ALTER SYSTEM SET wal_keep_size = '4GB'");
      Ask(*session, "SELECT pg_reload_conf()");
    }
  }
  std::string Ctl(const std::string& arguments) {
    return DBAGENT_BINARY_DIR "/agent/dbagentctl --socket " + agent_.socket().native() + " " +
           arguments + " >/dev/null 2>&1";
  }
  void Backup(const std::string& arguments) { Shell(Ctl("backup create " + arguments)); }
  void DeleteAll() {
    v1::ListBackupsResponse list;
    Call<v1::BackupService>(agent_, &v1::BackupService::Stub::List, v1::ListBackupsRequest(), list);
    for (const v1::Backup& backup : list.backups()) Shell(Ctl("backup delete " + backup.id()));
  }
  v1::Backup Newest() {
    v1::ListBackupsResponse list;
    Call<v1::BackupService>(agent_, &v1::BackupService::Stub::List, v1::ListBackupsRequest(), list);
    if (list.backups().empty()) throw std::runtime_error("there is no backup");
    return list.backups(0);
  }
  std::string Home(const std::string& name) { return (agent_.home() / name).native(); }

  AgentProcess agent_;
};

TEST_F(Speed, Physical) {
  const std::string copy = PlainCopy(agent_);
  if (copy.empty()) {
    Begin(true);
    Samples ours;
    for (int i = 0; i < Pairs(); ++i) ours.Time([&] { Backup("--physical"); });
    Report("physical, encrypted: backup", ours.ToString(), "(there is no plain tool)");
    return;
  }
  Begin(true);
  Backup("--physical");  // caches are warm for both sides from here on
  const v1::Backup first = Newest();
  Report("physical: source, stored",
         fmt::format("{:.0f} MB, {:.0f} MB", static_cast<double>(first.source_bytes()) / 1e6,
                     static_cast<double>(first.stored_bytes()) / 1e6),
         "waited for: " + first.bottleneck());
  Compare(
      "physical, encrypted: backup", [&] { Backup("--physical"); }, "tool | zstd -1 -T2 >/dev/null",
      [&] { Shell(copy + " | zstd -q -1 -T2 >/dev/null"); });
  DeleteAll();
  Compare(
      "physical, encrypted: backup", [&] { Backup("--physical"); },
      "tool | zstd -1 -T2 >file; sync -f",
      [&] {
        Shell(copy + " | zstd -q -1 -T2 >" + Home("plain.zst") + "; sync -f " + Home("plain.zst"));
      });
  DeleteAll();
  if (TheTraits().kind == "postgresql") {
    Samples gzip;
    gzip.Time(
        [&] { Shell(copy + " -z >" + Home("plain.gz") + " && sync -f " + Home("plain.gz")); });
    Samples ours;
    ours.Time([&] { Backup("--physical"); });
    Report("physical, encrypted: backup", ours, "tool -z >file; sync -f", gzip);
  } else {
    Samples gzip;
    gzip.Time(
        [&] { Shell(copy + " | gzip >" + Home("plain.gz") + "; sync -f " + Home("plain.gz")); });
    Samples ours;
    ours.Time([&] { Backup("--physical"); });
    Report("physical, encrypted: backup", ours, "tool | gzip >file; sync -f", gzip);
  }

  // restore: of the last encrypted one
  const std::string id = Newest().id();
  const std::string unpack = TheTraits().kind == "postgresql" ? "tar -x -C " : "mbstream -x -C ";
  Compare(
      "physical, encrypted: restore",
      [&] { Shell(Ctl("backup restore --replace-everything " + id)); },
      "zstd -dc | " + unpack.substr(0, unpack.find(' ')) + " -x; sync -f",
      [&] {
        Shell("rm -rf " + Home("unpacked") + " && mkdir " + Home("unpacked") + " && zstd -q -dc " +
              Home("plain.zst") + " | " + unpack + Home("unpacked") + " && sync -f " +
              Home("unpacked"));
      });
  DeleteAll();

  // what encryption costs
  Samples encrypted, plain;
  for (int i = 0; i < Pairs(); ++i) {
    Begin(true);
    encrypted.Time([&] { Backup("--physical"); });
    Begin(false);
    plain.Time([&] { Backup("--physical"); });
  }
  Report("physical, encrypted: backup", encrypted, "the same, not encrypted", plain);
}

// The same to a real Swift and to its S3 face, beside the two halves of the work: copying and
// compressing, and putting the same bytes there, four at a time.
TEST_F(Speed, ToObjectStores) {
  const std::string copy = PlainCopy(agent_);
  if (copy.empty()) return;
  const std::string url = TheSwift().url();
  const Status key = os::WriteFileAtomic(agent_.home() / "swift.key", "testing\n", 0600);
  ASSERT_TRUE(key.ok()) << key.ToString();
  agent_.more_stores = fmt::format(
      ", {{name: swift, kind: swift, container: bench, create: true, auth: tempauth, auth_url: "
      "'{0}/auth/v1.0', user: 'test:tester', key: {{file: {1}}}}}, {{name: s3, kind: s3, "
      "endpoint: '{0}', region: us-east-1, bucket: bench, access_key: 'test:tester', secret_key: "
      "{{file: {1}}}}}",
      url, Home("swift.key"));
  Begin(true);
  Backup("--physical");
  const std::string chunks =
      (agent_.store_directory / agent_.Instance().id() / Newest().id() / "chunks").native();
  const std::string put = fmt::format(
      "token=$(curl -sf -D - -o /dev/null -H \"X-Storage-User: test:tester\" -H "
      "\"X-Storage-Pass: testing\" {0}/auth/v1.0 | tr -d \"\\r\" | sed -n "
      "\"s/^X-Auth-Token: //Ip\"); curl -sf -o /dev/null -X PUT -H \"X-Auth-Token: $token\" "
      "{0}/v1/AUTH_test/plain; find {1} -type f | xargs -P 4 -I FILE curl -sf -o /dev/null -H "
      "\"X-Auth-Token: $token\" -T FILE {0}/v1/AUTH_test/plain/",
      url, chunks);
  for (const char* store : {"swift", "s3"}) {
    const auto ours = [&] { Backup(std::string("--physical --store ") + store); };
    Compare(fmt::format("physical, encrypted, {}: backup", store), ours,
            "tool | zstd -1 -T2 >/dev/null", [&] { Shell(copy + " | zstd -q -1 -T2 >/dev/null"); });
    Compare(fmt::format("physical, encrypted, {}: backup", store), ours,
            "the same bytes by curl, 4 at a time", [&] { Shell(put); });
  }
}

}  // namespace
}  // namespace dbagent::tests
