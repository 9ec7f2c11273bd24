#include "datastores/postgresql/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace dbagent::datastore::postgresql {
namespace {

constexpr WideInteger kKiB = 1024, kMiB = kKiB * 1024, kPage = 8 * kKiB;

// Measured (`postgres -C shared_memory_size`) on 15, rounded up: the server's fixed structures, and
// what one entry of the lock tables costs.
constexpr WideInteger kFixed = 10 * kMiB, kLock = 400, kPredicateLock = 256;
// Of one process: its catalogue caches, plans, stack.
constexpr WideInteger kProcess = 3 * kMiB / 2;
// Of this many sessions one sorts or hashes at a time, and of this many one has temporary tables.
constexpr WideInteger kSortingShare = 8, kTemporaryShare = 10;

class Reader {
 public:
  explicit Reader(const ValueOf& value_of) : value_of_(value_of) {}
  WideInteger Number(const std::string& name, WideInteger otherwise = 0) const {
    const WideInteger number = ParseWideInteger(value_of_(name)).value_or(otherwise);
    return number < 0 ? otherwise : number;
  }

 private:
  const ValueOf& value_of_;
};

// hash_mem_multiplier in thousandths.
WideInteger HashMultiplier(const ValueOf& value_of) {
  const std::string text = value_of("hash_mem_multiplier");
  const double factor = text.empty() ? 1.0 : std::strtod(text.c_str(), nullptr);
  return static_cast<WideInteger>(std::clamp(factor, 1.0, 1e6) * 1000);
}

}  // namespace

MemoryEstimate EstimateMemory(const ValueOf& value_of) {
  const Reader read(value_of);
  const WideInteger connections = read.Number("max_connections");
  const WideInteger vacuums = read.Number("autovacuum_max_workers");
  const WideInteger workers = read.Number("max_worker_processes");
  const WideInteger prepared = read.Number("max_prepared_transactions");
  const WideInteger processes = connections + vacuums + workers + read.Number("max_wal_senders");
  const WideInteger buffers = read.Number("shared_buffers") * kPage;
  // -1: the server takes a thirty-second of the buffers, at most a segment
  const WideInteger log_buffers =
      read.Number("wal_buffers", std::min(buffers / 32, 16 * kMiB) / kPage) * kPage;
  const WideInteger maintenance = read.Number("maintenance_work_mem") * kKiB;
  const WideInteger vacuum =
      read.Number("autovacuum_work_mem", maintenance / kKiB) * kKiB;  // -1: that

  MemoryEstimate estimate;
  estimate.parts = {
      // with a header for each page
      {"shared_buffers", buffers + buffers / 40},
      {"other shared memory",
       kFixed + log_buffers + read.Number("min_dynamic_shared_memory") * kMiB +
           (processes + prepared) *
               (read.Number("max_locks_per_transaction") * kLock +
                read.Number("max_pred_locks_per_transaction") * kPredicateLock) +
           processes * read.Number("track_activity_query_size")},
      {"processes", processes * kProcess},
      {"work_mem", (connections + workers) * read.Number("work_mem") * kKiB *
                       HashMultiplier(value_of) / 1000 / kSortingShare},
      {"temp_buffers", connections * read.Number("temp_buffers") * kPage / kTemporaryShare},
      {"maintenance", maintenance + vacuums * vacuum},
  };
  for (const MemoryPart& part : estimate.parts) estimate.total += part.bytes;
  return estimate;
}

std::vector<std::string> MemoryParameters() {
  std::set<std::string> names;
  EstimateMemory([&](const std::string& name) {
    names.insert(name);
    return std::string();
  });
  return {names.begin(), names.end()};
}

std::string ShowBytes(WideInteger bytes) {
  const auto value = static_cast<double>(bytes);
  constexpr double kMega = 1U << 20U, kGiga = 1U << 30U;
  if (value >= kGiga) return fmt::format("{:.3g}GB", value / kGiga);
  return fmt::format("{:.0f}MB", value / kMega);
}

std::string MemoryEstimate::ToString() const {
  std::string text = ShowBytes(total) + ":";
  for (const MemoryPart& part : parts) {
    text +=
        fmt::format("{} {} {}", &part == parts.data() ? "" : ",", ShowBytes(part.bytes), part.what);
  }
  return text;
}

}  // namespace dbagent::datastore::postgresql
