#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "agent/base/status.h"

namespace dbagent {

// A value, or the error that stood in its way. Named like std::expected, which g++ 12 has only in
// C++23. `value()`, `*` and `->` are for after ok() answered true.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}       // NOLINT: `return value;` is what it is for
  Result(Status error) : status_(std::move(error)) {  // NOLINT: and `return error;`
    if (status_.ok())
      status_ = Error(Code::kInternal, "NO_VALUE", "an OK status stands where a value should");
  }

  bool ok() const noexcept { return status_.ok(); }
  const Status& status() const& noexcept {
    static_cast<void>(status_.ok());
    return status_;
  }
  Status status() && {
    static_cast<void>(status_.ok());
    return std::move(status_);
  }

  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return *std::move(value_); }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace dbagent
