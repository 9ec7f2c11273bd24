// Physical backup and restore of a small and a four times larger server: the memory that they take,
// and the time beside the plain tools.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "agent/os/files.h"
#include "tests/bench/bench.h"
#include "tests/bench/bulk.h"

namespace dbagent::tests {
namespace {

constexpr double kMiB = 1024;  // in the kB of /proc

double StatusKilobytes(const std::string& pid, const std::string& field) {
  std::ifstream file("/proc/" + pid + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field + ":")) return std::stod(line.substr(field.size() + 1));
  }
  return 0;
}

std::string Parent(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("PPid:")) return line.substr(line.find_last_of("\t ") + 1);
  }
  return "";
}

// The largest resident memory of the agent, and of the agent with the tools that it runs, seen
// while it lives; the server is not counted.
class MemoryWatch {
 public:
  explicit MemoryWatch(AgentProcess& agent)
      : agent_(std::to_string(agent.pid())), thread_([this] {
          while (!stop_) {
            Look();
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
          }
        }) {}
  ~MemoryWatch() { Stop(); }
  std::string Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return fmt::format("{:.0f} MiB, with tools {:.0f}", own_ / kMiB, all_ / kMiB);
  }

 private:
  void Look() {
    const double own = StatusKilobytes(agent_, "VmRSS");
    double all = own;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string pid = entry.path().filename();
      if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
      if (Parent(pid) == agent_ && !IsServer(pid)) all += StatusKilobytes(pid, "VmRSS");
    }
    own_ = std::max(own_, own);
    all_ = std::max(all_, all);
  }
  // A restore starts another one.
  static bool IsServer(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/comm");
    std::string name;
    std::getline(file, name);
    return name == "mariadbd" || name == "mysqld" || name == "postgres";
  }

  const std::string agent_;
  std::atomic<bool> stop_ = false;
  double own_ = 0, all_ = 0;
  std::thread thread_;
};

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
