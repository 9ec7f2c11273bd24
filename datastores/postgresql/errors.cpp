#include "datastores/postgresql/errors.h"

#include <algorithm>
#include <string>

#include "agent/base/redact.h"

namespace dbagent::datastore::postgresql {
namespace {

std::string OneLine(std::string_view text) {
  std::string line = Redact(text);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

Status OfState(const std::string& state, const std::string& text) {
  const auto make = [&](Code code, std::string_view reason) {
    Status status(code, reason, text);
    return state.empty() ? status : std::move(status).WithField(std::string(kSqlState), state);
  };
  const std::string_view kind = std::string_view(state).substr(0, 2);
  if (state.empty() || kind == "57" || kind == "08" || state == "53300") {
    return make(Code::kUnavailable, "SERVER_UNAVAILABLE").AsRetryable();
  }
  if (state == "25006") return make(Code::kFailedPrecondition, "SERVER_READ_ONLY");
  if (state == "53100") return make(Code::kResourceExhausted, "NO_SPACE");
  Status refused = make(Code::kInternal, "SERVER_ERROR");
  // a serialisation failure or a deadlock: the same call may well succeed
  return kind == "40" ? std::move(refused).AsRetryable() : refused;
}

const char* OrEmpty(const char* text) {
  return text == nullptr ? "" : text;
}

}  // namespace

Status ErrorOfResult(const PGresult* result) {
  std::string text = OrEmpty(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
  if (text.empty()) text = OrEmpty(PQresultErrorMessage(result));
  const std::string detail = OrEmpty(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
  if (!detail.empty()) text += " (" + detail + ")";
  return OfState(OrEmpty(PQresultErrorField(result, PG_DIAG_SQLSTATE)), OneLine(text));
}

Status ErrorOfConnection(const PGconn* connection) {
  const std::string text = OrEmpty(PQerrorMessage(connection));
  // `connection to server …: FATAL:  57P03: the database system is starting up`
  static constexpr std::string_view kFatal = "FATAL:  ";
  std::string state;
  if (const std::size_t at = text.find(kFatal); at != std::string::npos) {
    const std::string found = text.substr(at + kFatal.size(), 6);
    if (found.size() == 6 && found.back() == ':') state = found.substr(0, 5);
  }
  if (const std::size_t location = text.find("\nLOCATION:"); location != std::string::npos) {
    return OfState(state, OneLine(std::string_view(text).substr(0, location)));
  }
  return OfState(state, OneLine(text));
}

bool HasSqlState(const Status& status, std::string_view state) {
  const auto found = status.metadata().find(std::string(kSqlState));
  return found != status.metadata().end() && found->second == state;
}

}  // namespace dbagent::datastore::postgresql
