#include "datastores/mysql/try_value.h"

#include <mysqld_error.h>

#include "datastores/mysql/quote.h"
#include "datastores/mysql/server.h"
#include "datastores/mysql/server_error.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr int kMostChoices = 64;

// Enums of both products, in which no value of this name is.
std::string PoisonFor(const std::string& name) {
  return name == "event_scheduler" ? "concurrent_insert" : "event_scheduler";
}

// Whether it is about the variable that never passes. (A server that runs without its event
// scheduler words it as the option.)
bool IsAboutPoison(const Status& refused, const std::string& poison) {
  const std::string& text = refused.message();
  return text.find(poison) != std::string::npos ||
         text.find("event-scheduler") != std::string::npos;
}

Status NotRefused(const std::string& name) {
  return Error(Code::kInternal, "SERVER_ERROR",
               "unable to try parameter '{}': the server took a value that is none", name);
}

}  // namespace

Result<bool> IsReadOnly(Connection& connection, const OpContext& ctx, const std::string& name) {
  const std::string poison = PoisonFor(name);
  const Status refused = connection.Execute(
      ctx, "try parameter '" + name + "'",
      fmt::format("SET GLOBAL {} = 'poison', GLOBAL {} = DEFAULT", poison, QuoteIdentifier(name)));
  if (refused.ok()) return NotRefused(name);
  if (ServerErrno(refused) == 0 || refused.retryable()) return refused;
  return !IsAboutPoison(refused, poison);
}

Result<std::optional<std::string>> Objection(Connection& connection, const OpContext& ctx,
                                             const std::string& name, const std::string& literal) {
  const std::string poison = PoisonFor(name);
  const std::string what = "try parameter '" + name + "'";
  const Status refused = connection.Execute(ctx, what,
                                            fmt::format("SET GLOBAL {} = {}, GLOBAL {} = 'poison'",
                                                        QuoteIdentifier(name), literal, poison));
  if (refused.ok()) return NotRefused(name);
  if (ServerErrno(refused) == 0 || refused.retryable()) return refused;
  if (IsAboutPoison(refused, poison)) return std::optional<std::string>();
  const std::string& text = refused.message();
  const std::size_t words = std::string("unable to " + what + ": ").size();
  return std::optional(text.substr(std::min(words, text.size())));
}

Result<std::vector<std::string>> SessionChoices(Connection& connection, const OpContext& ctx,
                                                const std::string& name) {
  std::vector<std::string> choices;
  const std::string what = "try parameter '" + name + "'";
  const std::string variable = QuoteIdentifier(name);
  for (int i = 0; i < kMostChoices; ++i) {
    const Status set =
        connection.Execute(ctx, what, fmt::format("SET SESSION {} = {}", variable, i));
    if (!set.ok()) {
      if (ServerErrno(set) == 0 || set.retryable()) return set;
      // what cannot be set before the first transaction, or at all, tells nothing
      return choices;
    }
    ASSIGN_OR_RETURN(const Rows rows, connection.Query(ctx, what, "SELECT @@SESSION." + variable));
    if (rows.empty() || !rows[0].at(0)) return choices;
    choices.push_back(*rows[0][0]);
  }
  return choices;
}

}  // namespace dbagent::datastore::mysql
