#include "datastores/postgresql/template.h"

#include <algorithm>

#include "datastores/postgresql/budget.h"
#include "datastores/postgresql/system_values.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::uint64_t kKiB = 1024, kMiB = kKiB * 1024, kGiB = kMiB * 1024;
constexpr std::uint64_t kLeastMemory = 256 * kMiB;
constexpr std::uint64_t kLeastWork = 256 * kKiB, kMostWork = 256 * kMiB, kWorkStep = 64 * kKiB;

// Canonical values count the parameter's own unit.
std::string Pages(std::uint64_t bytes) {
  return std::to_string(bytes / (8 * kKiB));
}
std::string KiB(std::uint64_t bytes) {
  return std::to_string(bytes / kKiB);
}
std::string WholeMiB(std::uint64_t bytes) {
  return std::to_string(bytes / kMiB);
}

std::uint64_t Sum(const Values& values, std::uint64_t work) {
  const Values system = ConstantValues(ServerSettings());
  const MemoryEstimate estimate = EstimateMemory([&](const std::string& name) -> std::string {
    if (name == "work_mem") return KiB(work);
    if (const auto own = values.find(name); own != values.end()) return own->second;
    const auto set = system.find(name);
    return set == system.end() ? "" : set->second;
  });
  return static_cast<std::uint64_t>(estimate.total);
}

// A third of what the others leave, so that a group can raise it: the estimate is linear in it.
std::uint64_t WorkMemory(const Values& values, std::uint64_t memory) {
  const std::uint64_t budget = memory / 16 * 15, others = Sum(values, 0);
  const std::uint64_t of_one_mebibyte = Sum(values, kMiB) - others;
  const std::uint64_t left = budget > others ? budget - others : 0;
  const std::uint64_t work =
      std::clamp(left / 3 * 16 / of_one_mebibyte * kWorkStep, kLeastWork, kMostWork);
  return work;
}

}  // namespace

Values TemplateValues(const Flavor& flavor) {
  const std::uint64_t memory = std::max(flavor.memory_bytes, kLeastMemory);
  // many cores with little memory have no use for a worker each
  const std::uint64_t cores = std::clamp<std::uint64_t>(flavor.cores, 1, memory / kLeastMemory);
  const std::uint64_t buffers = memory / 4;
  const std::uint64_t log_size = std::clamp(memory / 2, 512 * kMiB, 8 * kGiB);
  Values values = {
      {"max_connections",
       std::to_string(std::clamp<std::uint64_t>(memory / (16 * kMiB), 50, 1000))},
      {"shared_buffers", Pages(buffers)},
      {"effective_cache_size", Pages(memory / 4 * 3)},
      {"temp_buffers", Pages(std::clamp(memory / 256, kMiB, 8 * kMiB))},
      {"hash_mem_multiplier", "2"},
      {"maintenance_work_mem", KiB(std::clamp(memory / 32, 8 * kMiB, kGiB))},
      {"wal_buffers", Pages(std::clamp(buffers / 32, kMiB, 16 * kMiB))},
      {"max_wal_size", WholeMiB(log_size)},
      {"min_wal_size", WholeMiB(log_size / 8)},
      {"autovacuum_max_workers", std::to_string(std::clamp<std::uint64_t>(cores / 2, 3, 8))},
      {"max_worker_processes", std::to_string(std::clamp<std::uint64_t>(cores + 4, 8, 64))},
      {"max_parallel_workers", std::to_string(std::min<std::uint64_t>(cores, 60))},
      {"max_parallel_workers_per_gather",
       std::to_string(std::clamp<std::uint64_t>(cores / 2, 1, 4))},
      {"max_parallel_maintenance_workers",
       std::to_string(std::clamp<std::uint64_t>(cores / 2, 1, 4))},
      // a dump locks every table of a database in one transaction, and a load makes them in one
      {"max_locks_per_transaction", "256"},
      // volumes of a cloud are flash
      {"random_page_cost", "1.1"},
      {"effective_io_concurrency", "200"},
      {"timezone", "UTC"},
  };
  values["work_mem"] = KiB(WorkMemory(values, memory));
  return values;
}

}  // namespace dbagent::datastore::postgresql
