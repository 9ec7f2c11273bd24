#include "datastores/mysql/set_live.h"

#include <mysqld_error.h>

#include <algorithm>

#include "agent/base/pause.h"
#include "datastores/mysql/quote.h"
#include "datastores/mysql/server_error.h"
#include "datastores/mysql/values.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr const char* kPool = "innodb_buffer_pool_size";
constexpr auto kPollPause = std::chrono::milliseconds(100);

struct Assignment {
  const Parameter* parameter;
  std::string literal;
};

// The default as described where it is a number, which the server may have worked out: its own word
// DEFAULT means the compiled one, which may stand for `work it out`.
std::string LiteralOf(const Parameter& parameter, const LiveChange& change) {
  if (change.value) return ValueLiteral(parameter.type, *change.value);
  const bool number =
      parameter.type == ParameterType::kInteger || parameter.type == ParameterType::kReal;
  if (number && parameter.default_value)
    return ValueLiteral(parameter.type, *parameter.default_value);
  return "DEFAULT";
}

Status Refused(const Status& status) {
  if (status.reason() != "SERVER_ERROR") return status;
  return Status(Code::kFailedPrecondition, "SETTING_REFUSED", status.FullMessage());
}

std::string Statement(const std::vector<Assignment>& assignments) {
  std::string sql = "SET ";
  for (const Assignment& assignment : assignments) {
    if (&assignment != &assignments.front()) sql += ", ";
    sql += "GLOBAL " + QuoteIdentifier(assignment.parameter->name) + " = " + assignment.literal;
  }
  return sql;
}

// Gives a variable that has no DEFAULT the described one; whether there was such a variable in the
// server's words.
bool ReplaceDefault(const Status& refused, std::vector<Assignment>& assignments) {
  if (ServerErrno(refused) != ER_NO_DEFAULT) return false;
  for (Assignment& assignment : assignments) {
    const Parameter& parameter = *assignment.parameter;
    const bool named = refused.message().find("'" + parameter.name + "'") != std::string::npos;
    if (!named || assignment.literal != "DEFAULT" || !parameter.default_value) continue;
    assignment.literal = ValueLiteral(parameter.type, *parameter.default_value);
    return true;
  }
  return false;
}

Status SetAll(Connection& connection, const OpContext& ctx, std::vector<Assignment> assignments) {
  for (;;) {
    const Status set = connection.Execute(ctx, "set parameters", Statement(assignments));
    if (set.ok() || !ReplaceDefault(set, assignments)) return set.ok() ? Ok() : Refused(set);
  }
}

// MySQL and older MariaDB resize the pool after the statement has ended.
Status AwaitPool(Connection& connection, const OpContext& ctx) {
  for (;;) {
    ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Query(ctx, "ask for the buffer pool's resize",
                         "SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_resize_status'"));
    const std::string said = rows.empty() ? "" : TextOf(rows[0].at(1));
    const auto has = [&](std::string_view words) { return said.find(words) != std::string::npos; };
    if (said.empty() || has("ompleted") || has("not change")) return Ok();
    if (has("ailed") || has("annot") || has("aborted")) {
      return Error(Code::kFailedPrecondition, "SETTING_REFUSED",
                   "unable to resize the buffer pool: {}", said);
    }
    if (Status ended = ctx.Poll(); !ended.ok())
      return std::move(ended).Wrap("unable to await the buffer pool's resize: " + said);
    Pause(ctx, kPollPause);
  }
}

Result<Values> ReadBack(Connection& connection, const OpContext& ctx,
                        const std::vector<Assignment>& assignments) {
  std::string sql = "SELECT ";
  for (const Assignment& assignment : assignments) {
    if (&assignment != &assignments.front()) sql += ", ";
    sql += "@@GLOBAL." + QuoteIdentifier(assignment.parameter->name);
  }
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(ctx, "read parameters back", sql));
  Values values;
  if (rows.empty()) return values;
  for (std::size_t i = 0; i < assignments.size(); ++i) {
    const Parameter& parameter = *assignments[i].parameter;
    values[parameter.name] = CanonicalServerValue(parameter, TextOf(rows[0].at(i)));
  }
  return values;
}

}  // namespace

Result<Values> SetLive(Server& server, const OpContext& ctx, const Description& description,
                       const std::vector<LiveChange>& changes) {
  if (changes.empty()) return Values();
  std::vector<Assignment> assignments;
  for (const LiveChange& change : changes) {
    const auto found =
        std::find_if(description.parameters.begin(), description.parameters.end(),
                     [&](const Parameter& parameter) { return parameter.name == change.name; });
    if (found == description.parameters.end()) {
      return Error(Code::kFailedPrecondition, "SETTING_REFUSED",
                   "unable to set parameter '{}': the server has none of this name", change.name);
    }
    if (!found->restart_required || !change.clear_persisted)
      assignments.push_back({&*found, LiteralOf(*found, change)});
  }
  ASSIGN_OR_RETURN(const ConnectionPool::Lease connection, server.pool.Get(ctx));
  for (const LiveChange& change : changes) {
    if (!change.clear_persisted || server.dialect.mariadb()) continue;
    const Status reset =
        connection->Execute(ctx, "take away the persisted value of '" + change.name + "'",
                            "RESET PERSIST IF EXISTS " + QuoteIdentifier(change.name));
    if (!reset.ok()) return Refused(reset);
  }
  if (assignments.empty()) return Values();
  RETURN_IF_ERROR(SetAll(*connection, ctx, assignments));
  const bool pool = std::any_of(changes.begin(), changes.end(),
                                [](const LiveChange& change) { return change.name == kPool; });
  if (pool) RETURN_IF_ERROR(AwaitPool(*connection, ctx));
  return ReadBack(*connection, ctx, assignments);
}

}  // namespace dbagent::datastore::mysql
