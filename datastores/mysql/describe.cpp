#include "datastores/mysql/describe.h"

#include <algorithm>

#include "datastores/mysql/refused.h"
#include "datastores/mysql/try_value.h"
#include "datastores/mysql/values.h"
#include "datastores/mysql/variable_tables.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::string_view kNoOption =
    "no configuration file can set it: the server's program has no such option";
constexpr std::string_view kLooksLikePath = "it says which files the server reads or writes";
constexpr auto kJitter = std::chrono::seconds(3);

bool LooksLikePath(const std::string& value) {
  return value.starts_with('/') || value.starts_with("./") || value.starts_with("../");
}

void MakeCanonical(Parameter& parameter) {
  parameter.value = CanonicalServerValue(parameter, parameter.value);
  if (parameter.default_value)
    parameter.default_value = CanonicalServerValue(parameter, *parameter.default_value);
}

}  // namespace

Status Describer::LearnProgram(const OpContext& ctx) {
  if (!options_.empty()) return Ok();
  ASSIGN_OR_RETURN(options_, ReadProgramOptions(server_, ctx));
  return Ok();
}

// The first description of a program's variables costs a statement each.
Status Describer::TryVariables(const OpContext& ctx, std::vector<Parameter>& parameters) {
  ASSIGN_OR_RETURN(ConnectionPool::Lease connection, server_.pool.Get(ctx));
  bool used = false;
  for (Parameter& parameter : parameters) {
    if (!options_.contains(parameter.name)) continue;
    auto found = tried_.find(parameter.name);
    if (found == tried_.end()) {
      used = true;
      TriedVariable tried;
      ASSIGN_OR_RETURN(tried.read_only, IsReadOnly(*connection, ctx, parameter.name));
      if (parameter.type == ParameterType::kEnum) {
        ASSIGN_OR_RETURN(tried.choices, SessionChoices(*connection, ctx, parameter.name));
      }
      found = tried_.emplace(parameter.name, std::move(tried)).first;
    }
    parameter.restart_required = found->second.read_only;
    parameter.choices = found->second.choices;
  }
  if (used) connection.Discard();
  return Ok();
}

void Describer::SetAccess(Parameter& parameter) const {
  const auto refuse = [&](ParameterAccess access, std::string_view reason) {
    parameter.access = access;
    parameter.access_reason = reason;
  };
  if (parameter.access == ParameterAccess::kReadOnly) return;
  if (!options_.contains(parameter.name)) return refuse(ParameterAccess::kReadOnly, kNoOption);
  if (const std::optional<Refusal> refusal = RefusalOf(parameter.name, parameter.type))
    return refuse(refusal->access, refusal->reason);
  // a newer server's that no rule names
  const bool path =
      parameter.type == ParameterType::kString &&
      (LooksLikePath(parameter.value) || LooksLikePath(parameter.default_value.value_or("")));
  if (path) refuse(ParameterAccess::kForbidden, kLooksLikePath);
}

// The server counts whole seconds; the same run must not seem to be another.
WallTime Describer::StableStart(WallTime start) {
  if (start < started_ - kJitter || start > started_ + kJitter) started_ = start;
  return started_;
}

Result<std::vector<Parameter>> Describer::Parameters(const OpContext& ctx, Connection& connection) {
  if (server_.dialect.mariadb()) return MariadbVariables(connection, ctx);
  ASSIGN_OR_RETURN(std::vector<Parameter> parameters, MysqlVariables(connection, ctx, options_));
  RETURN_IF_ERROR(TryVariables(ctx, parameters));
  return parameters;
}

Result<Description> Describer::Describe(const OpContext& ctx) {
  const std::lock_guard lock(mutex_);
  Description description;
  {
    ASSIGN_OR_RETURN(ConnectionPool::Lease connection, server_.pool.Get(ctx));
    ASSIGN_OR_RETURN(const Rows uptime, connection->Query(ctx, "ask the server how long it runs",
                                                          "SHOW GLOBAL STATUS LIKE 'Uptime'"));
    if (uptime.empty()) {
      return Error(Code::kInternal, "SERVER_ERROR",
                   "unable to describe the parameters: the server does not say how long it runs");
    }
    description.server_started = StableStart(std::chrono::system_clock::now() -
                                             std::chrono::seconds(NumberOf(uptime[0].at(1))));
    description.server_version = connection->server_version();
    RETURN_IF_ERROR(LearnProgram(ctx));
    ASSIGN_OR_RETURN(description.parameters, Parameters(ctx, *connection));
  }
  for (Parameter& parameter : description.parameters) {
    MakeCanonical(parameter);
    SetAccess(parameter);
  }
  std::sort(description.parameters.begin(), description.parameters.end(),
            [](const Parameter& a, const Parameter& b) { return a.name < b.name; });
  return description;
}

}  // namespace dbagent::datastore::mysql
