#include "datastores/mysql/variable_tables.h"

#include <mysqld_error.h>

#include <algorithm>
#include <array>

#include "datastores/mysql/server_error.h"
#include "datastores/mysql/words.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::string_view kWhat = "describe the parameters";

ParameterType MariadbType(const std::string& type) {
  if (type == "BOOLEAN") return ParameterType::kBoolean;
  if (type == "ENUM") return ParameterType::kEnum;
  if (type == "SET" || type == "FLAGSET") return ParameterType::kSet;
  if (type == "DOUBLE") return ParameterType::kReal;
  return type.find("INT") != std::string::npos ? ParameterType::kInteger : ParameterType::kString;
}

ParameterOrigin MariadbOrigin(const std::string& origin) {
  if (origin == "CONFIG") return ParameterOrigin::kFile;
  if (origin == "COMMAND-LINE") return ParameterOrigin::kCommandLine;
  return origin == "SQL" ? ParameterOrigin::kRuntime : ParameterOrigin::kDefault;
}

ParameterType MysqlType(const std::string& type) {
  if (type == "Boolean") return ParameterType::kBoolean;
  if (type == "Integer") return ParameterType::kInteger;
  if (type == "Numeric") return ParameterType::kReal;
  if (type == "Enumeration") return ParameterType::kEnum;
  return type == "Set" ? ParameterType::kSet : ParameterType::kString;
}

// Where the server has no table of types (before 9): from its range, its default and its value.
ParameterType GuessedType(const Parameter& parameter) {
  const std::string said = Lower(parameter.default_value.value_or(""));
  if (said == "true" || said == "false") return ParameterType::kBoolean;
  if (parameter.maximum.empty() || parameter.maximum == "0") return ParameterType::kString;
  return parameter.value.find('.') != std::string::npos ? ParameterType::kReal
                                                        : ParameterType::kInteger;
}

ParameterOrigin MysqlOrigin(const std::string& source) {
  static constexpr std::array<std::string_view, 6> kFiles = {"GLOBAL", "SERVER", "EXPLICIT",
                                                             "EXTRA",  "USER",   "LOGIN"};
  if (source == "COMMAND_LINE") return ParameterOrigin::kCommandLine;
  if (source == "DYNAMIC") return ParameterOrigin::kRuntime;
  if (source == "PERSISTED") return ParameterOrigin::kPersisted;
  return std::find(kFiles.begin(), kFiles.end(), source) != kFiles.end()
             ? ParameterOrigin::kFile
             : ParameterOrigin::kDefault;
}

bool IsNumber(const Parameter& parameter) {
  return parameter.type == ParameterType::kInteger || parameter.type == ParameterType::kReal;
}

Parameter MysqlParameter(const Row& row, const ProgramOptions& options) {
  Parameter parameter;
  parameter.name = Lower(TextOf(row[0]));
  parameter.value = TextOf(row[1]);
  parameter.origin = MysqlOrigin(TextOf(row[2]));
  parameter.minimum = TextOf(row[4]);
  parameter.maximum = TextOf(row[5]);
  // a value of SET PERSIST counts as set at run time until the next start
  if (row[7]) parameter.origin = ParameterOrigin::kPersisted;
  const bool file = parameter.origin == ParameterOrigin::kFile;
  parameter.origin_detail = TextOf(file ? row[3] : row[6]);
  if (const auto option = options.find(parameter.name); option != options.end())
    parameter.default_value = option->second;
  parameter.type = row[8] ? MysqlType(*row[8]) : GuessedType(parameter);
  parameter.description = TextOf(row[9]);
  if (!IsNumber(parameter)) {
    parameter.minimum.clear();
    parameter.maximum.clear();
  } else if (parameter.type == ParameterType::kInteger) {
    parameter.unit = UnitOf(parameter.name, 0);
  }
  return parameter;
}

// A variable that only sessions have stands in no table of global values, and has none.
std::string MysqlQuery(bool with_metadata) {
  return fmt::format(
      "SELECT i.VARIABLE_NAME, g.VARIABLE_VALUE, i.VARIABLE_SOURCE, i.VARIABLE_PATH, {}, "
      "i.SET_USER, "
      "p.VARIABLE_NAME, {} FROM performance_schema.variables_info i LEFT JOIN "
      "performance_schema.global_variables g ON g.VARIABLE_NAME = i.VARIABLE_NAME LEFT JOIN "
      "performance_schema.persisted_variables p ON p.VARIABLE_NAME = i.VARIABLE_NAME {}",
      with_metadata ? "m.MIN_VALUE, m.MAX_VALUE" : "i.MIN_VALUE, i.MAX_VALUE",
      with_metadata ? "m.DATA_TYPE, m.DOCUMENTATION" : "NULL, NULL",
      with_metadata ? "LEFT JOIN performance_schema.variables_metadata m ON m.VARIABLE_NAME = "
                      "i.VARIABLE_NAME"
                    : "");
}

}  // namespace

std::string UnitOf(std::string_view name, std::uint64_t block_size) {
  static constexpr std::array<std::string_view, 11> kBytes = {
      "*_buffer_size", "*_pool_size",  "*_file_size",      "*_table_size",
      "*_chunk_size",  "*_mem_size",   "*_log_capacity",   "*_packet",
      "*_max_ram",     "thread_stack", "net_buffer_length"};
  const bool seconds = (name.ends_with("_timeout") || name.ends_with("_seconds")) &&
                       !name.starts_with("rpl_semi_sync");
  if (seconds) return "s";
  constexpr std::uint64_t kLeastBlock = 1024;  // a count is not rounded to so many
  const bool bytes = block_size >= kLeastBlock ||
                     std::any_of(kBytes.begin(), kBytes.end(),
                                 [&](std::string_view pattern) { return Fits(name, pattern); }) ||
                     Fits(name, "binlog_*cache_size");
  return bytes ? "B" : "";
}

Result<std::vector<Parameter>> MariadbVariables(Connection& connection, const OpContext& ctx) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(ctx, kWhat,
                       "SELECT VARIABLE_NAME, GLOBAL_VALUE, GLOBAL_VALUE_ORIGIN, "
                       "GLOBAL_VALUE_PATH, DEFAULT_VALUE, VARIABLE_TYPE, NUMERIC_MIN_VALUE, "
                       "NUMERIC_MAX_VALUE, NUMERIC_BLOCK_SIZE, ENUM_VALUE_LIST, READ_ONLY, "
                       "COMMAND_LINE_ARGUMENT, "
                       "VARIABLE_COMMENT FROM information_schema.SYSTEM_VARIABLES"));
  std::vector<Parameter> parameters;
  for (const Row& row : rows) {
    Parameter& parameter = parameters.emplace_back();
    parameter.name = Lower(TextOf(row[0]));
    parameter.value = TextOf(row[1]);
    parameter.origin = MariadbOrigin(TextOf(row[2]));
    parameter.origin_detail = TextOf(row[3]);
    parameter.default_value = row[4];
    parameter.type = MariadbType(TextOf(row[5]));
    parameter.minimum = TextOf(row[6]);
    parameter.maximum = TextOf(row[7]);
    if (parameter.type == ParameterType::kInteger)
      parameter.unit = UnitOf(parameter.name, NumberOf(row[8]));
    if (row[9]) parameter.choices = SplitAt(*row[9], ',');
    parameter.restart_required = TextOf(row[10]) == "YES";
    // the program lists some that it only tells; others are options of their own beside a variable
    if (parameter.restart_required && !row[11]) {
      parameter.access = ParameterAccess::kReadOnly;
      parameter.access_reason = "it only tells something about the server";
    }
    parameter.description = TextOf(row[12]);
  }
  return parameters;
}

Result<std::vector<Parameter>> MysqlVariables(Connection& connection, const OpContext& ctx,
                                              const ProgramOptions& options) {
  Result<Rows> rows = connection.Query(ctx, kWhat, MysqlQuery(true));
  if (!rows.ok() && ServerErrno(rows.status()) == ER_NO_SUCH_TABLE)
    rows = connection.Query(ctx, kWhat, MysqlQuery(false));
  if (!rows.ok()) return std::move(rows).status();
  std::vector<Parameter> parameters;
  for (const Row& row : *rows) parameters.push_back(MysqlParameter(row, options));
  return parameters;
}

}  // namespace dbagent::datastore::mysql
