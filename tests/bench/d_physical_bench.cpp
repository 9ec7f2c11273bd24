// Physical backup and restore of a small and a four times larger server: the memory that they take,
// and the time beside the plain tools.
#include <gtest/gtest.h>

#include "tests/bench/bench.h"
#include "tests/bench/bulk.h"
#include "tests/bench/memory_watch.h"

namespace dbagent::tests {
namespace {

void Measure(AgentProcess& agent) {
  const std::string ctl =
      DBAGENT_BINARY_DIR "/agent/dbagentctl --socket " + agent.socket().native() + " ";
  const std::string plain = PlainCopy(agent);
  Samples backup, beside, restore;
  MemoryWatch while_backup(agent);
  backup.Time([&] { Shell(ctl + "backup create --physical >/dev/null 2>&1"); });
  const std::string backup_memory = while_backup.Stop();
  v1::ListBackupsResponse list;
  Call<v1::BackupService>(agent, &v1::BackupService::Stub::List, v1::ListBackupsRequest(), list);
  ASSERT_FALSE(list.backups().empty());
  const double megabytes = static_cast<double>(list.backups(0).source_bytes()) / 1e6;
  if (!plain.empty()) {
    beside.Time([&] { Shell(plain + " | zstd -q -1 -T2 -c >/dev/null; sync"); });
    backup.Time([&] { Shell(ctl + "backup create --physical >/dev/null 2>&1"); });
    beside.Time([&] { Shell(plain + " | zstd -q -1 -T2 -c >/dev/null; sync"); });
  }
  MemoryWatch while_restore(agent);
  restore.Time([&] {
    Shell(ctl + "backup restore --replace-everything " + list.backups(0).id() + " >/dev/null 2>&1");
  });
  const std::string what = fmt::format("physical, {:.0f} MB: ", megabytes);
  if (plain.empty()) {
    Report(what + "backup", backup.ToString());
  } else {
    Report(what + "backup", backup, "tool | zstd -1 -T2; sync", beside);
  }
  Report(what + "memory of the backup", backup_memory);
  Report(what + "restore", restore.ToString());
  Report(what + "memory of the restore", while_restore.Stop());
}

TEST(Bench, PhysicalBackupAndRestore) {
  AgentProcess& agent = TheAgent();
  MakeBulk(agent);
  int rows = 0;
  for (const int millions : {4, 16}) {
    for (; rows < millions * kRowsAtOnce; rows += kRowsAtOnce) AddBulkRows(agent, rows);
    Measure(agent);
  }
}

}  // namespace
}  // namespace dbagent::tests
