#include "datastores/mysql/template.h"

#include <algorithm>

#include "datastores/mysql/memory.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = kKiB * 1024;
constexpr std::uint64_t kGiB = kMiB * 1024;

// Half of the memory, less where there is little: the program and its connections need theirs.
// Whole pieces where it is large, since the servers round up to those that a pool is made of.
std::uint64_t BufferPool(std::uint64_t memory) {
  constexpr std::uint64_t kPiece = 128 * kMiB;
  const std::uint64_t share = memory >= 2 * kGiB ? memory / 2
                              : memory >= kGiB   ? memory / 3
                                                 : memory / 8;
  if (share >= 4 * kGiB) return share / kGiB * kGiB;
  if (share >= kPiece) return (share + kPiece / 2) / kPiece * kPiece;
  return std::max(share / kMiB, std::uint64_t{16}) * kMiB;
}

// A share of the memory in whole MiB, between bounds in MiB.
std::uint64_t Share(std::uint64_t memory, std::uint64_t divisor, std::uint64_t least,
                    std::uint64_t most) {
  return std::clamp(memory / divisor / kMiB, least, most) * kMiB;
}

// As many as fit in what the rest leaves, a bounded number for each MiB of memory.
std::uint64_t Connections(const Dialect& dialect, const Values& values, std::uint64_t memory) {
  constexpr std::uint64_t kLeast = 20, kMost = 2000, kStep = 10;
  const auto fits = [&](std::uint64_t connections) {
    const ValueOf value = [&](std::string_view name) {
      if (name == "max_connections") return std::to_string(connections);
      const auto found = values.find(std::string(name));
      return found == values.end() ? std::string() : found->second;
    };
    return EstimateMemory(dialect, value).total() <= static_cast<WideInteger>(memory);
  };
  std::uint64_t connections = std::clamp(memory / (8 * kMiB), kLeast, kMost) / kStep * kStep;
  while (connections > kLeast && !fits(connections)) connections -= kStep;
  return connections;
}

}  // namespace

Values TemplateValues(const Dialect& dialect, const Flavor& flavor) {
  const std::uint64_t memory = std::max(flavor.memory_bytes, 256 * kMiB);
  const std::uint32_t cores = std::max(flavor.cores, 1U);
  Values values;
  const auto set = [&](const char* name, std::uint64_t number) {
    values[name] = std::to_string(number);
  };
  set("innodb_buffer_pool_size", BufferPool(memory));
  set("innodb_log_buffer_size", Share(memory, 128, 4, 64));
  set("key_buffer_size", Share(memory, 256, 1, 64));
  set("tmp_table_size", Share(memory, 128, 2, 64));
  set("max_heap_table_size", Share(memory, 128, 2, 64));
  set("table_open_cache", std::clamp<std::uint64_t>(memory / kMiB, 400, 4000));
  set("table_definition_cache", std::clamp<std::uint64_t>(memory / kMiB, 400, 2000));
  set("sort_buffer_size", 256 * kKiB);
  set("join_buffer_size", 256 * kKiB);
  set("read_buffer_size", 128 * kKiB);
  set("read_rnd_buffer_size", 256 * kKiB);
  set("net_buffer_length", 16 * kKiB);
  set("binlog_cache_size", 32 * kKiB);
  set("innodb_read_io_threads", std::clamp(cores, 2U, 16U));
  set("innodb_write_io_threads", std::clamp(cores, 2U, 16U));
  set("innodb_purge_threads", std::clamp(cores, 1U, 4U));
  values["character_set_server"] = "utf8mb4";
  values["local_infile"] = "OFF";
  dialect.AddTemplateValues(memory, values);
  const std::uint64_t connections = Connections(dialect, values, memory);
  set("max_connections", connections);
  set("thread_cache_size", std::clamp<std::uint64_t>(connections / 4, 8, 100));
  return values;
}

}  // namespace dbagent::datastore::mysql
