#include "tests/bench/memory_watch.h"

#include <filesystem>
#include <fstream>

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

// A restore starts another one.
bool IsServer(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/comm");
  std::string name;
  std::getline(file, name);
  return name == "mariadbd" || name == "mysqld" || name == "postgres";
}

}  // namespace

MemoryWatch::MemoryWatch(AgentProcess& agent)
    : agent_(std::to_string(agent.pid())), thread_([this] {
        while (!stop_) {
          Look();
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
      }) {}

std::string MemoryWatch::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  return fmt::format("{:.0f} MiB, with tools {:.0f}", own_ / kMiB, all_ / kMiB);
}

void MemoryWatch::Look() {
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

}  // namespace dbagent::tests
