#include <gtest/gtest.h>

#include "datastores/mysql/check.h"
#include "datastores/mysql/parameter_names.h"
#include "datastores/mysql/program_options.h"
#include "datastores/mysql/refused.h"
#include "datastores/mysql/template.h"
#include "datastores/mysql/values.h"
#include "datastores/mysql/words.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::mysql {
namespace {

const Dialect kMariaDb({"mysql", "MariaDB", "10.11.14", 10});
const Dialect kMySql({"mysql", "MySQL", "9.7.4", 9});
constexpr std::uint64_t kMiB = 1U << 20U;

std::string Name(const std::string& written) {
  return CanonicalParameterName(kMariaDb, written);
}

Parameter ParameterOf(ParameterType type, std::string unit = "",
                      std::vector<std::string> choices = {}) {
  Parameter parameter;
  parameter.name = "p";
  parameter.type = type;
  parameter.unit = std::move(unit);
  parameter.choices = std::move(choices);
  return parameter;
}

std::string Value(const Parameter& parameter, const std::string& written) {
  const Result<std::string> value = CanonicalParameterValue(parameter, written);
  return value.ok() ? *value : value.status().reason();
}

TEST(MysqlParameters, ANameHasOneSpelling) {
  EXPECT_EQ(Name("Max-Connections"), "max_connections");
  EXPECT_EQ(Name(" loose-loose_max_connections"), "max_connections");
  EXPECT_EQ(Name("default-time-zone"), "time_zone");
  EXPECT_EQ(Name("transaction-isolation"), "tx_isolation");
  EXPECT_EQ(CanonicalParameterName(kMySql, "transaction-isolation"), "transaction_isolation");
  for (const char* real : {"skip_name_resolve", "skip_networking", "skip_show_database",
                           "enable_cascade_triggers", "disabled_storage_engines"})
    EXPECT_EQ(Name(real), real);
  // these mean the opposite, or a bound
  EXPECT_EQ(Name("skip-slow-query-log"), "skip_slow_query_log");
  EXPECT_EQ(Name("maximum-sort-buffer-size"), "maximum_sort_buffer_size");
}

TEST(MysqlParameters, NoSpellingPassesARefusal) {
  for (const char* refused :
       {"plugin_load", "plugin_load_add", "plugin_dir", "early_plugin_load", "init_file",
        "general_log_file", "slow_query_log_file", "log_error", "skip_grant_tables", "datadir",
        "secure_file_priv", "innodb_data_home_dir", "innodb_force_recovery", "log_bin",
        "super_read_only", "ssl_ca", "wsrep_notify_cmd", "old_passwords", "chroot"}) {
    std::string dashed = refused;
    for (char& c : dashed) c = c == '_' ? '-' : c;
    for (const std::string& spelling :
         {std::string(refused), dashed, Upper(dashed), "loose-" + dashed, "LOOSE_" + dashed,
          "skip-" + dashed, "enable-" + dashed, "disable_" + dashed, "maximum-" + dashed,
          "loose-skip-" + dashed, "skip-loose-" + dashed, "loose-loose-enable-" + dashed})
      EXPECT_TRUE(RefusalOf(Name(spelling)).has_value()) << spelling;
  }
}

TEST(MysqlParameters, WhatUsersNeedIsNotRefused) {
  for (const char* name :
       {"max_connections", "sql_mode", "time_zone", "innodb_buffer_pool_size",
        "innodb_flush_log_at_trx_commit", "sync_binlog", "init_connect", "slow_query_log",
        "general_log", "log_output", "local_infile", "block_encryption_mode", "event_scheduler",
        "character_set_server", "innodb_strict_mode", "binlog_format", "default_storage_engine"})
    EXPECT_FALSE(RefusalOf(name).has_value()) << name;
  EXPECT_FALSE(RefusalOf("innodb_adaptive_hash_index", ParameterType::kBoolean).has_value());
  EXPECT_TRUE(RefusalOf("some_new_index", ParameterType::kString).has_value());
}

TEST(MysqlParameters, ValuesThatShutOutTheAgentAreRefused) {
  EXPECT_TRUE(RefusalOfValue("max_connections", "9").has_value());
  EXPECT_FALSE(RefusalOfValue("max_connections", "10").has_value());
  for (const char* value : {"-1", "1", "9"})
    EXPECT_TRUE(RefusalOfValue("max_user_connections", value).has_value()) << value;
  for (const char* value : {"0", "10"})
    EXPECT_FALSE(RefusalOfValue("max_user_connections", value).has_value()) << value;
  EXPECT_TRUE(RefusalOfValue("max_allowed_packet", "1048575").has_value());
  EXPECT_TRUE(RefusalOfValue("protocol_compression_algorithms", "zlib,zstd").has_value());
  EXPECT_TRUE(RefusalOfValue("thread_handling", "no-threads").has_value());
  EXPECT_FALSE(RefusalOfValue("thread_handling", "pool-of-threads").has_value());
}

TEST(MysqlParameters, NumbersTakeUnits) {
  Parameter bytes = ParameterOf(ParameterType::kInteger, "B");
  bytes.minimum = "1024";
  bytes.maximum = "18446744073709551615";
  EXPECT_EQ(Value(bytes, "2G"), "2147483648");
  EXPECT_EQ(Value(bytes, "512 MB"), "536870912");
  EXPECT_EQ(Value(bytes, "18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(Value(bytes, "18446744073709551616"), "VALUE_OUT_OF_RANGE");
  EXPECT_EQ(Value(bytes, "1023"), "VALUE_OUT_OF_RANGE");
  EXPECT_EQ(Value(bytes, "-1"), "VALUE_OUT_OF_RANGE");
  EXPECT_EQ(Value(bytes, "30s"), "VALUE_INVALID");
  EXPECT_EQ(Value(ParameterOf(ParameterType::kInteger, "s"), "2min"), "120");
  EXPECT_EQ(Value(ParameterOf(ParameterType::kInteger), "4k"), "4096");
  for (const char* bad : {"", "x", "1e3", "0x10", "1;2"})
    EXPECT_EQ(Value(bytes, bad), "VALUE_INVALID") << bad;
  EXPECT_EQ(CanonicalParameterValue(bytes, "1").status().message(),
            "is 1B, allowed are 1kB to 18446744073709551615B");
  EXPECT_EQ(Value(ParameterOf(ParameterType::kReal), "10.500000"), "10.5");
  EXPECT_EQ(Value(ParameterOf(ParameterType::kReal), "inf"), "VALUE_INVALID");
}

TEST(MysqlParameters, WordsTakeTheServersSpelling) {
  EXPECT_EQ(Value(ParameterOf(ParameterType::kBoolean), "true"), "ON");
  EXPECT_EQ(Value(ParameterOf(ParameterType::kBoolean), " 0 "), "OFF");
  EXPECT_EQ(Value(ParameterOf(ParameterType::kBoolean), "2"), "VALUE_INVALID");
  const Parameter isolation =
      ParameterOf(ParameterType::kEnum, "", {"READ-COMMITTED", "SERIALIZABLE"});
  EXPECT_EQ(Value(isolation, "read-committed"), "READ-COMMITTED");
  EXPECT_EQ(Value(isolation, "1"), "VALUE_INVALID");
  EXPECT_EQ(
      Value(ParameterOf(ParameterType::kSet), "strict_trans_tables , ANSI,strict_Trans_tables"),
      "STRICT_TRANS_TABLES,ANSI");
  const Parameter filter = ParameterOf(ParameterType::kSet, "", {"admin", "full_join"});
  EXPECT_EQ(Value(filter, "FULL_JOIN,admin"), "full_join,admin");
  EXPECT_EQ(Value(filter, "nope"), "VALUE_INVALID");
  EXPECT_EQ(Value(ParameterOf(ParameterType::kSet), "MRR=ON, mrr_cost_based = off"),
            "mrr=on,mrr_cost_based=off");
}

TEST(MysqlParameters, NoValueEndsItsLine) {
  const Parameter text = ParameterOf(ParameterType::kString);
  EXPECT_EQ(Value(text, "SET @a = '\"#\\'"), "SET @a = '\"#\\'");
  for (const std::string& bad :
       {std::string("a\nb"), std::string("\r"), std::string("a\0b", 3), std::string(1901, 'x')})
    EXPECT_EQ(Value(text, bad), "VALUE_INVALID");
}

TEST(MysqlParameters, ReadsTheProgramsOptions) {
  const ProgramOptions options = ParseProgramOptions(
      kMariaDb,
      "junk\n\nVariables (--variable-name=value)\nand boolean options {FALSE|TRUE}  Value (after "
      "reading options)\n--------- -------------\nautocommit      TRUE\ndefault-time-zone  (No "
      "default value)\ninit-connect      \nwsrep-OSU-method   TOI\n\nTo see what\n");
  ASSERT_EQ(options.size(), 4U);
  EXPECT_EQ(options.at("autocommit"), "TRUE");
  EXPECT_EQ(options.at("time_zone"), std::nullopt);
  EXPECT_EQ(options.at("init_connect"), "");
  EXPECT_TRUE(options.contains("wsrep_osu_method"));
}

TEST(MysqlParameters, AGroupThatNeedsTooMuchIsToldWhose) {
  ConfigurationSet set;
  set.flavor = {1024 * kMiB, 2};
  set.template_values = TemplateValues(kMySql, set.flavor);
  Description description;
  for (const char* name : {"innodb_buffer_pool_size", "max_connections", "sort_buffer_size"}) {
    description.parameters.emplace_back();
    description.parameters.back().name = name;
  }
  set.group = {{"innodb_buffer_pool_size", std::to_string(2048 * kMiB)}, {"max_connections", "50"}};
  const auto violations = CheckGroup(kMySql, description, set, {});
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].parameter, "innodb_buffer_pool_size");
  EXPECT_EQ(violations[0].reason, "MEMORY_EXCEEDED");
  EXPECT_NE(violations[0].message.find("there is 1GB: buffer pool 2.1GB"), std::string::npos)
      << violations[0].message;
  // no number is too large for the sum
  set.group = {{"sort_buffer_size", "18446744073709551615"}, {"max_connections", "100000"}};
  EXPECT_EQ(CheckGroup(kMySql, description, set, {}).at(0).parameter, "sort_buffer_size");
  set.group = {{"max_connections", "5"}, {"skip_grant_tables", "1"}, {"nonsense", "1"}};
  std::vector<std::string> reasons;
  for (const Violation& violation : CheckGroup(kMySql, description, set, {}))
    reasons.push_back(violation.reason);
  EXPECT_EQ(reasons, (std::vector<std::string>{"VALUE_FORBIDDEN", "PARAMETER_UNKNOWN",
                                               "PARAMETER_FORBIDDEN"}));
}

}  // namespace
}  // namespace dbagent::datastore::mysql
