#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <utility>

#include "agent/base/op_context.h"
#include "agent/base/result.h"

namespace dbagent::stream {

// The memory that all streams of the process may hold together. It is taken before bytes are read,
// so a slow store makes a source wait instead of memory grow. Threads: any.
class BufferBudget {
 public:
  explicit BufferBudget(std::uint64_t bytes) : total_(bytes), free_(bytes) {}

  class Share {
   public:
    Share() = default;
    Share(BufferBudget* owner, std::uint64_t bytes) : owner_(owner), bytes_(bytes) {}
    Share(Share&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      Release();
      owner_ = std::exchange(other.owner_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
      return *this;
    }
    ~Share() { Release(); }
    void Release();
    // Gives back what is beyond `bytes`.
    void Shrink(std::uint64_t bytes);

   private:
    BufferBudget* owner_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  // Waits until `bytes` (at most all) are free, or ctx ends. BUFFER_TOO_LARGE when more is asked
  // than there will ever be.
  Result<Share> Take(const OpContext& ctx, std::uint64_t bytes);
  std::uint64_t total() const { return total_; }
  std::uint64_t used() const;
  // Whether somebody waits: who holds bytes that he could send on should do so.
  bool wanted() const { return waiting_ > 0; }

 private:
  const std::uint64_t total_;
  mutable std::mutex mutex_;
  std::condition_variable_any freed_;
  std::uint64_t free_;
  std::list<char> turns_;  // one for each that waits
  std::atomic<int> waiting_ = 0;
};

}  // namespace dbagent::stream
