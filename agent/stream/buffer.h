#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "agent/base/bytes.h"

namespace dbagent::stream {

// Bytes on their way; made without being zeroed, which costs as much as reading them.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t capacity)
      : data_(std::make_unique_for_overwrite<std::byte[]>(capacity)), capacity_(capacity) {}
  Buffer(Buffer&& other) noexcept
      : data_(std::move(other.data_)),
        capacity_(std::exchange(other.capacity_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    data_ = std::move(other.data_);
    capacity_ = std::exchange(other.capacity_, 0);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  std::byte* data() { return data_.get(); }
  std::size_t capacity() const { return capacity_; }
  std::size_t size() const { return size_; }
  std::size_t room() const { return capacity_ - size_; }
  // Where the next bytes go; `resize` says then how many there are.
  std::byte* end() { return data_.get() + size_; }
  void resize(std::size_t size) { size_ = size; }
  void Append(Bytes bytes);  // at most room()
  Bytes bytes() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t capacity_ = 0, size_ = 0;
};

}  // namespace dbagent::stream
