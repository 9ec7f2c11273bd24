#include <gtest/gtest.h>

#include "datastores/postgresql/canonical.h"
#include "datastores/postgresql/refused.h"
#include "datastores/postgresql/server_log.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore::postgresql {
namespace {

Parameter Of(ParameterType type, const std::string& unit = "", const std::string& least = "",
             const std::string& most = "", std::vector<std::string> choices = {}) {
  Parameter parameter;
  parameter.type = type;
  parameter.unit = unit;
  parameter.minimum = least;
  parameter.maximum = most;
  parameter.choices = std::move(choices);
  return parameter;
}

std::string Canonical(const Parameter& parameter, const std::string& written) {
  const auto value = CanonicalText(parameter, written);
  return value.ok() ? *value : value.status().reason() + ": " + value.status().message();
}

TEST(PostgresqlCanonical, NumbersAreInTheUnitOfTheParameter) {
  const Parameter pages = Of(ParameterType::kInteger, "8kB", "16", "1073741823");
  EXPECT_EQ(Canonical(pages, "128MB"), "16384");
  EXPECT_EQ(Canonical(pages, "16384"), "16384");
  EXPECT_EQ(Canonical(pages, "64kB"),
            "VALUE_OUT_OF_RANGE: is 64kB, allowed are 128kB to 8589934584kB");
  const Parameter plain = Of(ParameterType::kInteger, "", "10", "100000");
  EXPECT_EQ(Canonical(plain, "5"), "VALUE_OUT_OF_RANGE: is 5, allowed are 10 to 100000");
  EXPECT_EQ(Canonical(plain, "+0020"), "20");
  EXPECT_EQ(Canonical(plain, "1k"), "VALUE_INVALID: is '1k', which is no whole number");
  EXPECT_EQ(Canonical(Of(ParameterType::kInteger, "kB", "-1", "2147483647"), "-1"), "-1");
}

TEST(PostgresqlCanonical, RealsAreAsTheServerShowsThem) {
  const Parameter cost = Of(ParameterType::kReal, "", "0", "1.79769e+308");
  EXPECT_EQ(Canonical(cost, "1.10"), "1.1");
  EXPECT_EQ(Canonical(cost, "0.1234567"), "0.123457");
  EXPECT_EQ(Canonical(cost, "-1").substr(0, 18), "VALUE_OUT_OF_RANGE");
  for (const std::string bad : {"", "x", "inf", "nan", "0x1p3", "1,5", "1e999"})
    EXPECT_EQ(Canonical(cost, bad).substr(0, 13), "VALUE_INVALID") << bad;
  const Parameter delay = Of(ParameterType::kReal, "ms", "0", "100");
  EXPECT_EQ(Canonical(delay, "1500us"), "1.5");
  EXPECT_EQ(Canonical(delay, "0.05 s"), "50");
  EXPECT_EQ(Canonical(delay, "1min").substr(0, 18), "VALUE_OUT_OF_RANGE");
}

TEST(PostgresqlCanonical, ChoicesTakeTheServersSynonyms) {
  const Parameter commit = Of(ParameterType::kEnum, "", "", "", {"local", "on", "off"});
  EXPECT_EQ(Canonical(commit, "LOCAL"), "local");
  EXPECT_EQ(Canonical(commit, "yes"), "on");
  EXPECT_EQ(Canonical(commit, "0"), "off");
  EXPECT_EQ(Canonical(commit, "x"), "VALUE_INVALID: is 'x', allowed are local, on, off");
  const Parameter level = Of(ParameterType::kEnum, "", "", "", {"ddl", "all"});
  EXPECT_EQ(Canonical(level, "on").substr(0, 13), "VALUE_INVALID");
}

TEST(PostgresqlCanonical, TextsPassAsTheyAreButForLineBreaks) {
  const Parameter text = Of(ParameterType::kString);
  EXPECT_EQ(Canonical(text, " \"$user\", it's "), " \"$user\", it's ");
  for (const std::string& bad : {std::string("a\nb"), std::string("a\0b", 3), std::string("\r")})
    EXPECT_EQ(Canonical(text, bad).substr(0, 13), "VALUE_INVALID");
}

TEST(PostgresqlRefused, PatternsReachWhatLaterVersionsAndExtensionsBring) {
  for (const std::string name :
       {"some_new_command", "pgaudit.hook_library", "new_preload_libraries",
        "extension_control_path", "oauth_validator_libraries", "x_file", "plperl.on_init",
        "unknown.parameter"}) {
    EXPECT_EQ(AccessOf(name, {}).access, ParameterAccess::kForbidden) << name;
    EXPECT_FALSE(AccessOf(name, {}).reason.empty());
  }
  EXPECT_EQ(AccessOf("anything", {{"anything", "1"}}).access, ParameterAccess::kSystem);
  for (const std::string name : {"search_path", "work_mem", "pg_stat_statements.max", "timezone"})
    EXPECT_EQ(AccessOf(name, {}).access, ParameterAccess::kUser) << name;
}

TEST(PostgresqlServerLog, SaysErrorsOnceAndWithoutTheRest) {
  EXPECT_EQ(
      ErrorWords("2026-11-27 05:17:05.286 UTC [1] LOG:  starting PostgreSQL 15\n"
                 "2026-11-27 05:17:05.286 UTC [1] LOG:  invalid value for parameter \"x\": \"y\"\n"
                 "2026-11-27 05:17:05.286 UTC [1] HINT:  Available values: z.\n"
                 "2026-11-27 05:17:05.286 UTC [1] FATAL:  configuration file contains errors\n"
                 "2026-11-27 05:17:06.286 UTC [2] LOG:  invalid value for parameter \"x\": \"y\"\n"
                 "2026-11-27 05:17:06.286 UTC [2] LOG:  database system is shut down\n"),
      "LOG:  invalid value for parameter \"x\": \"y\"; HINT:  Available values: z.; FATAL:  "
      "configuration file contains errors");
  EXPECT_EQ(ErrorWords("a\nb\n"), "a; b");
  EXPECT_EQ(ErrorWords(""), "");
}

}  // namespace
}  // namespace dbagent::datastore::postgresql
