#include "datastores/mysql/memory.h"

#include <algorithm>
#include <array>

namespace dbagent::datastore::mysql {
namespace {

constexpr WideInteger kKiB = 1024;
constexpr WideInteger kMiB = kKiB * 1024;

// Each allocates its own when it needs it: all of them stand for a connection at full work.
constexpr std::array<std::string_view, 7> kPerConnection = {
    "thread_stack",     "net_buffer_length",    "sort_buffer_size", "join_buffer_size",
    "read_buffer_size", "read_rnd_buffer_size", "binlog_cache_size"};
constexpr WideInteger kAtFullWork = 4;           // one connection in so many
constexpr WideInteger kWithTemporaryTable = 50;  // one in so many has one of the largest size
constexpr WideInteger kPoolOverhead = 16;        // page descriptors and hashes: a 16th of the pool
constexpr WideInteger kCachedTable = 8 * kKiB;

WideInteger NumberOf(const ValueOf& value, std::string_view name) {
  return std::max<WideInteger>(ParseWideInteger(value(name)).value_or(0), 0);
}

WideInteger TemporaryTables(const Dialect& dialect, const ValueOf& value, WideInteger connections) {
  const WideInteger one =
      std::min(NumberOf(value, "tmp_table_size"), NumberOf(value, "max_heap_table_size"));
  const WideInteger all = one * (connections / kWithTemporaryTable + 1);
  return dialect.mariadb() ? all : std::min(all, NumberOf(value, "temptable_max_ram"));
}

}  // namespace

WideInteger MemoryEstimate::total() const {
  WideInteger sum = 0;
  for (const MemoryPart& part : parts) sum += part.bytes;
  return sum;
}

std::string AboutBytes(WideInteger bytes) {
  constexpr std::array<std::string_view, 4> kWords = {"kB", "MB", "GB", "TB"};
  // in tenths, since halves of a gigabyte matter
  WideInteger tenths = bytes * 10 / kKiB;
  std::size_t word = 0;
  for (; tenths >= 10 * kKiB && word + 1 < kWords.size(); ++word) tenths /= kKiB;
  const bool whole = tenths % 10 == 0 || tenths >= 1000;
  return ToText(tenths / 10) + (whole ? "" : "." + ToText(tenths % 10)) + std::string(kWords[word]);
}

std::string MemoryEstimate::ToString() const {
  std::vector<MemoryPart> sorted = parts;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const MemoryPart& a, const MemoryPart& b) { return a.bytes > b.bytes; });
  std::string text;
  for (const MemoryPart& part : sorted) {
    if (part.bytes < kMiB) continue;
    text += (text.empty() ? "" : ", ") + part.name + " " + AboutBytes(part.bytes);
  }
  return text;
}

MemoryEstimate EstimateMemory(const Dialect& dialect, const ValueOf& value) {
  const auto number = [&](std::string_view name) { return NumberOf(value, name); };
  const WideInteger pool = number("innodb_buffer_pool_size");
  const WideInteger connections = number("max_connections");
  WideInteger connection = 0;
  for (const std::string_view name : kPerConnection) connection += number(name);
  MemoryEstimate estimate;
  estimate.parts = {
      {"the program", static_cast<WideInteger>(dialect.program_memory())},
      {"buffer pool", pool + pool / kPoolOverhead},
      {"redo log buffer", number("innodb_log_buffer_size")},
      {"key buffer", number("key_buffer_size")},
      {"table caches",
       (number("table_open_cache") + number("table_definition_cache")) * kCachedTable},
      {ToText(connections) + " connections", connections * connection / kAtFullWork},
      {"temporary tables", TemporaryTables(dialect, value, connections)}};
  if (dialect.mariadb()) {
    estimate.parts.push_back({"Aria's page cache", number("aria_pagecache_buffer_size")});
    estimate.parts.push_back({"query cache", number("query_cache_size")});
  }
  if (value("performance_schema") == "ON") {
    estimate.parts.push_back(
        {"performance schema", static_cast<WideInteger>(dialect.performance_schema_memory())});
  }
  return estimate;
}

}  // namespace dbagent::datastore::mysql
