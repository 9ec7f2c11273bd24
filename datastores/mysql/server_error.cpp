#include "datastores/mysql/server_error.h"

#include <mysqld_error.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "agent/base/redact.h"

namespace dbagent::datastore::mysql {
namespace {

bool IsClientLibrarys(unsigned number) {
  return (number >= 2000 && number < 3000) || (number >= 5000 && number < 6000);
}

constexpr unsigned kMariaDbConnectionKilled = 1927;
constexpr unsigned kReadOnlyMode = 1836;

bool IsUnavailable(unsigned number) {
  // a statement that was interrupted though not by us: the server stops, or an operator did it
  static constexpr std::array<unsigned, 5> kNumbers = {ER_QUERY_INTERRUPTED, ER_SERVER_SHUTDOWN,
                                                       ER_CON_COUNT_ERROR, ER_NORMAL_SHUTDOWN,
                                                       kMariaDbConnectionKilled};
  return IsClientLibrarys(number) ||
         std::find(kNumbers.begin(), kNumbers.end(), number) != kNumbers.end();
}

Status Classified(unsigned number, std::string message, std::string_view text) {
  if (IsUnavailable(number))
    return Status(Code::kUnavailable, "SERVER_UNAVAILABLE", std::move(message)).AsRetryable();
  const bool read_only =
      number == kReadOnlyMode ||
      (number == ER_OPTION_PREVENTS_STATEMENT && text.find("read-only") != std::string_view::npos);
  if (read_only) return Status(Code::kFailedPrecondition, "SERVER_READ_ONLY", std::move(message));
  const bool full = number == ER_DISK_FULL || number == ER_RECORD_FILE_FULL ||
                    text.find("Errcode: 28") != std::string_view::npos ||
                    text.find("OS errno 28") != std::string_view::npos;
  if (full) return Status(Code::kResourceExhausted, "NO_SPACE", std::move(message));
  return Status(Code::kInternal, "SERVER_ERROR", std::move(message));
}

}  // namespace

Status ServerError(const OpContext& ctx, std::string_view what, unsigned number,
                   std::string_view sqlstate, std::string_view text) {
  if (Status ended = ctx.Poll(); !ended.ok())
    return std::move(ended).Wrap(fmt::format("unable to {}", what));
  return Classified(number, fmt::format("unable to {}: {}", what, Redact(text)), text)
      .WithField("errno", std::to_string(number))
      .WithField("sqlstate", std::string(sqlstate));
}

unsigned ServerErrno(const Status& status) {
  if (status.ok()) return 0;
  const auto found = status.metadata().find("errno");
  unsigned number = 0;
  if (found != status.metadata().end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  }
  return number;
}

}  // namespace dbagent::datastore::mysql
