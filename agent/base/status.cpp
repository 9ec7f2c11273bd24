#include "agent/base/status.h"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace dbagent {
namespace {
const std::string kNoText;
const std::map<std::string, std::string> kNoFields;
}  // namespace

std::string_view CodeName(Code code) {
  static constexpr std::array<std::string_view, 17> kNames = {"OK",
                                                              "CANCELLED",
                                                              "UNKNOWN",
                                                              "INVALID_ARGUMENT",
                                                              "DEADLINE_EXCEEDED",
                                                              "NOT_FOUND",
                                                              "ALREADY_EXISTS",
                                                              "PERMISSION_DENIED",
                                                              "RESOURCE_EXHAUSTED",
                                                              "FAILED_PRECONDITION",
                                                              "ABORTED",
                                                              "OUT_OF_RANGE",
                                                              "UNIMPLEMENTED",
                                                              "INTERNAL",
                                                              "UNAVAILABLE",
                                                              "DATA_LOSS",
                                                              "UNAUTHENTICATED"};
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : "UNKNOWN";
}

Status::Status(Code code, std::string_view reason, std::string message)
    : detail_(std::make_shared<Detail>(
          Detail{code, std::string(reason), std::move(message), {}, false, {}, nullptr})) {}

Status::Status(const Status& other) : detail_(other.detail_) {
  other.looked_at_ = true;
}

Status& Status::operator=(const Status& other) {
  if (this == &other) return *this;
  AssertLookedAt();
  detail_ = other.detail_;
  other.looked_at_ = true;
  looked_at_ = false;
  return *this;
}

Status::Status(Status&& other) noexcept : detail_(std::move(other.detail_)) {
  other.looked_at_ = true;
}

Status& Status::operator=(Status&& other) noexcept {
  if (this == &other) return *this;
  AssertLookedAt();
  detail_ = std::move(other.detail_);
  other.looked_at_ = true;
  looked_at_ = false;
  return *this;
}

void Status::AssertLookedAt() const noexcept {
#ifdef DBAGENT_CHECKED
  if (looked_at_) return;
  std::fprintf(stderr, "a Status was dropped unread: %s\n", ToString().c_str());
  std::abort();
#endif
}

Code Status::code() const noexcept {
  looked_at_ = true;
  return detail_ ? detail_->code : Code::kOk;
}
const std::string& Status::reason() const noexcept {
  return ok() ? kNoText : detail_->reason;
}
const std::string& Status::message() const noexcept {
  return ok() ? kNoText : detail_->message;
}

const std::string& Status::hint() const noexcept {
  looked_at_ = true;
  for (const Detail* at = detail_.get(); at != nullptr; at = at->cause.get()) {
    if (!at->hint.empty()) return at->hint;
  }
  return kNoText;
}

bool Status::retryable() const noexcept {
  return !ok() && detail_->retryable;
}

const std::map<std::string, std::string>& Status::metadata() const noexcept {
  return ok() ? kNoFields : detail_->metadata;
}

std::string Status::FullMessage() const {
  looked_at_ = true;
  std::string text;
  for (const Detail* at = detail_.get(); at != nullptr; at = at->cause.get()) {
    if (!text.empty()) text += ": ";
    text += at->message;
  }
  return text;
}

std::string Status::ToString() const {
  if (!detail_) return "OK";
  std::string text =
      fmt::format("{} {}: {}", CodeName(detail_->code), detail_->reason, FullMessage());
  if (!hint().empty()) text += fmt::format(" (hint: {})", hint());
  return text;
}

Status::Detail& Status::Own() {
  auto copy = std::make_shared<Detail>(*detail_);
  Detail& own = *copy;
  detail_ = std::move(copy);
  return own;
}

Status Status::WithHint(std::string hint) && {
  if (detail_) Own().hint = std::move(hint);
  return std::move(*this);
}

Status Status::WithField(std::string key, std::string value) && {
  if (detail_) Own().metadata[std::move(key)] = std::move(value);
  return std::move(*this);
}

Status Status::AsRetryable() && {
  if (detail_) Own().retryable = true;
  return std::move(*this);
}

Status Status::WithCause(const Status& cause) && {
  cause.looked_at_ = true;
  if (detail_ && cause.detail_) Own().cause = cause.detail_;
  return std::move(*this);
}

Status Status::Wrap(std::string_view context) && {
  if (detail_) {
    Detail& own = Own();
    own.message = fmt::format("{}: {}", context, own.message);
  }
  return std::move(*this);
}

}  // namespace dbagent
