#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dbagent {

// gRPC's codes with gRPC's numbers (https://grpc.io/docs/guides/status-codes), so that the wire
// needs no table.
enum class Code : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "NOT_FOUND" for Code::kNotFound.
std::string_view CodeName(Code code);

// Success, or an error that a person can act on.
//
// Message grammar: `unable to <verb> <noun> '<name>': <cause>`, lower case, no full stop, one line.
// Advice goes to the hint. The reason is a stable UPPER_SNAKE word that programs match on. Outer
// layers add context with Wrap() and never replace it. A build with DBAGENT_CHECKED aborts when a
// Status (also an OK one) is destroyed that nobody looked at.
//
// Threads: a Status is a value; distinct objects may be used from distinct threads.
class [[nodiscard]] Status {
 public:
  Status() noexcept = default;  // OK
  Status(Code code, std::string_view reason, std::string message);
  Status(const Status& other);
  Status& operator=(const Status& other);
  Status(Status&& other) noexcept;
  Status& operator=(Status&& other) noexcept;
  ~Status() { AssertLookedAt(); }

  bool ok() const noexcept {
    looked_at_ = true;
    return detail_ == nullptr;
  }
  Code code() const noexcept;
  // Every question below counts as having looked.
  const std::string& reason() const noexcept;
  const std::string& message() const noexcept;  // without the causes' texts
  const std::string& hint() const noexcept;  // the innermost hint when the outer layers gave none
  bool retryable() const noexcept;           // the same call may succeed later, unchanged
  const std::map<std::string, std::string>& metadata() const noexcept;
  // The message with the causes', joined by ": ".
  std::string FullMessage() const;
  // `CODE reason: full message (hint)`, for logs and test failures.
  std::string ToString() const;

  Status WithHint(std::string hint) &&;
  Status WithField(std::string key, std::string value) &&;
  Status AsRetryable() &&;
  // This error caused by `cause`; message texts are joined.
  Status WithCause(const Status& cause) &&;
  // The same code, reason, hint and fields with `context: ` in front of the message. OK stays OK.
  Status Wrap(std::string_view context) &&;

  // The reader's word that the outcome does not matter here; `why` is for the next reader only.
  void Ignore([[maybe_unused]] std::string_view why) const noexcept { looked_at_ = true; }

 private:
  struct Detail {
    Code code;
    std::string reason;
    std::string message;
    std::string hint;
    bool retryable = false;
    std::map<std::string, std::string> metadata;
    std::shared_ptr<const Detail> cause;
  };
  Detail& Own();  // copy on write
  void AssertLookedAt() const noexcept;

  std::shared_ptr<const Detail> detail_;
  mutable bool looked_at_ = false;
};

inline Status Ok() {
  return Status();
}

template <typename... Args>
Status Error(Code code, std::string_view reason, fmt::format_string<Args...> format,
             Args&&... args) {
  return Status(code, reason, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace dbagent

#define DBAGENT_CONCAT_INNER(a, b) a##b
#define DBAGENT_CONCAT(a, b) DBAGENT_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expr)                                              \
  do {                                                                     \
    if (::dbagent::Status status_ = (expr); !status_.ok()) return status_; \
  } while (false)

// Evaluates a Result<T>; returns its error, or moves its value into `lhs` (which may be a
// declaration).
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_INNER(DBAGENT_CONCAT(result_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_INNER(name, lhs, expr)    \
  auto name = (expr);                              \
  if (!name.ok()) return std::move(name).status(); \
  lhs = *std::move(name)
