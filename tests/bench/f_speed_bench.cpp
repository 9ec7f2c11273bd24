// Backups and restores of a server of more than a gigabyte beside the fastest that can be had of
// plain tools, taken in turn: each figure is the median of its pairs. Every side ends with its data
// on disk.
#include <gtest/gtest.h>

#include "tests/bench/speed.h"
#include "tests/support/swift_server.h"

namespace dbagent::tests {
namespace {

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
  const std::string name = "zstd -dc | " + unpack.substr(0, unpack.find(' ')) + " -x; sync -f";
  const auto plainly = [&] {
    Shell("rm -rf " + Home("unpacked") + " && mkdir " + Home("unpacked") + " && zstd -q -dc " +
          Home("plain.zst") + " | " + unpack + Home("unpacked") + " && sync -f " +
          Home("unpacked"));
  };
  Compare(
      "physical, encrypted: restore of the files", [&] { Unpack(id); }, name, plainly,
      [&] { AwaitRestored(); });
  Compare(
      "physical, encrypted: restore, new server runs", [&] { Restore(id); }, name, plainly);
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
  AddObjectStores(url);
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
