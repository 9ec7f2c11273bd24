#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <mutex>

#include "agent/rpc/gate.h"

namespace dbagent::rpc {

// A server stream of pieces, one after the other: the next is made, in the pool, when gRPC has
// taken the one before, so that a caller who does not read holds no more than one. A caller who
// goes away stops what makes them.
//
// It deletes itself when gRPC is done with it.
template <typename Message>
class PieceReactor : public grpc::ServerWriteReactor<Message>,
                     public std::enable_shared_from_this<PieceReactor<Message>> {
 public:
  // Makes the next message; false: there is none any more. Called in the pool, one at a time; may
  // block, and honours the stop switch.
  using Next = std::function<Result<bool>(Message&)>;

  // `ended` is called once, with how it went.
  static PieceReactor* Make(Gate& gate, std::shared_ptr<StopSwitch> stop, Next next,
                            std::function<void(const Status&)> ended) {
    std::shared_ptr<PieceReactor> made(
        new PieceReactor(gate, std::move(stop), std::move(next), std::move(ended)));
    made->self_ = made;
    return made.get();
  }
  // One that only answers an error.
  static PieceReactor* Refuse(Gate& gate, const Status& status) {
    PieceReactor* const made = Make(gate, std::make_shared<StopSwitch>(), {}, {});
    made->End(status);
    return made;
  }

  void Begin() { Post(); }
  void OnWriteDone(bool ok) override {
    if (ok) return Post();
    End(Gone());
  }
  void OnCancel() override {
    stop_->RequestStop(StopReason::kCancelled);
    End(Gone());
  }
  void OnDone() override {
    std::shared_ptr<PieceReactor> self;
    const std::lock_guard lock(mutex_);
    self.swap(self_);  // the lock goes before it
  }

 private:
  PieceReactor(Gate& gate, std::shared_ptr<StopSwitch> stop, Next next,
               std::function<void(const Status&)> ended)
      : gate_(gate), stop_(std::move(stop)), next_(std::move(next)), ended_(std::move(ended)) {}

  static Status Gone() { return Error(Code::kCancelled, "CANCELLED", "the caller went away"); }

  void Post() {
    const Status posted = gate_.Post([self = this->shared_from_this()] { self->WriteNext(); });
    if (!posted.ok()) End(posted);
  }
  void WriteNext() {
    Message message;
    const Result<bool> more = next_(message);
    if (!more.ok()) return End(more.status());
    if (!*more) return End(Ok());
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    message_ = std::move(message);
    this->StartWrite(&message_);
  }
  void End(const Status& status) {
    const grpc::Status wire = ToGrpc(status);
    {
      const std::lock_guard lock(mutex_);
      if (finished_) return;
      finished_ = true;
    }
    if (ended_) ended_(status);
    this->Finish(wire);
  }

  Gate& gate_;
  const std::shared_ptr<StopSwitch> stop_;
  Next next_;
  const std::function<void(const Status&)> ended_;
  std::mutex mutex_;
  bool finished_ = false;
  Message message_;
  std::shared_ptr<PieceReactor> self_;
};

}  // namespace dbagent::rpc
