#include "agent/base/secret.h"

#include <sys/random.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "agent/base/redact.h"

namespace dbagent {

Secret::Secret(std::string_view value) : size_(value.size()) {
  if (size_ == 0) return;
  data_ = new char[size_ + 1];
  std::memcpy(data_, value.data(), size_);
  data_[size_] = '\0';
  internal::RememberSecret(value);
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) *this = Secret(other);
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  Clear();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void Secret::Clear() noexcept {
  if (data_ == nullptr) return;
  internal::ForgetSecret(Reveal());
  explicit_bzero(data_, size_);
  delete[] data_;
  data_ = nullptr;
  size_ = 0;
}

bool operator==(const Secret& a, const Secret& b) noexcept {
  if (a.size_ != b.size_) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size_; ++i) {
    difference = static_cast<unsigned char>(difference | (a.data_[i] ^ b.data_[i]));
  }
  return difference == 0;
}

void Wipe(std::string& text) noexcept {
  explicit_bzero(text.data(), text.size());
  text.clear();
}

Secret RandomPassword(std::size_t length) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
  std::string text;
  while (text.size() < length) {
    unsigned char byte = 0;
    if (getrandom(&byte, 1, 0) != 1) std::abort();  // no randomness: nothing safe can follow
    if (byte < 256 - 256 % kAlphabet.size()) text += kAlphabet[byte % kAlphabet.size()];
  }
  Secret secret(text);
  Wipe(text);
  return secret;
}

}  // namespace dbagent
