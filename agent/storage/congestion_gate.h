#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

#include "agent/base/op_context.h"
#include "agent/base/result.h"

namespace dbagent::storage {

// How many requests a store gets at a time: what it takes. Halved when it says that it has too
// many, one more for each window of answers that went well (AIMD, as in RFC 5681, 3.1), never
// beyond `most`. One for all threads of a store.
class CongestionGate {
 public:
  explicit CongestionGate(unsigned most);

  // Inside until it goes. Its gate must outlive it.
  class Permit {
   public:
    Permit(CongestionGate* gate, std::uint64_t halvings) : gate_(gate), halvings_(halvings) {}
    ~Permit() {
      if (gate_ != nullptr) gate_->Leave();
    }
    Permit(Permit&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)), halvings_(other.halvings_) {}
    Permit& operator=(Permit&&) = delete;

    // What became of the request. Of requests that were let in before the last halving a refusal
    // says nothing new.
    void WentWell();
    void TooMany();

   private:
    CongestionGate* gate_;
    std::uint64_t halvings_;
  };

  // Waits for room. An error is that of ctx.
  Result<Permit> Enter(const OpContext& ctx);
  unsigned window() const;

 private:
  void Leave();

  const unsigned most_;
  mutable std::mutex mutex_;
  std::condition_variable_any room_;
  double window_;
  unsigned inside_ = 0;
  std::uint64_t halvings_ = 0;
};

}  // namespace dbagent::storage
