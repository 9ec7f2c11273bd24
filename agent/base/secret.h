#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dbagent {

// A password, a key or a token. It has no formatter and no stream operator, its bytes are wiped
// when it goes, and while it lives its value is known to Redact() (redact.h), which takes it out of
// every foreign text that the agent passes on.
//
// Threads: a value; distinct objects may be used from distinct threads.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view value);
  Secret(const Secret& other) : Secret(other.Reveal()) {}
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { Clear(); }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  // The value itself. Hand it to the API that needs it and keep no copy.
  std::string_view Reveal() const noexcept { return {data_, size_}; }
  // Zero-terminated, for C libraries. A password with a NUL byte is refused long before.
  const char* RevealCString() const noexcept { return data_ == nullptr ? "" : data_; }

  // Constant-time comparison.
  friend bool operator==(const Secret& a, const Secret& b) noexcept;

 private:
  void Clear() noexcept;

  char* data_ = nullptr;
  std::size_t size_ = 0;
};

// Overwrites a string that held a secret (a protobuf field, a buffer) and empties it.
void Wipe(std::string& text) noexcept;

// Fresh random text of `length` characters from an unambiguous alphabet of letters and digits (5.8
// bits each), from getrandom(2).
Secret RandomPassword(std::size_t length = 24);

}  // namespace dbagent
