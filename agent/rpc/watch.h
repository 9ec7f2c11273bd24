#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "agent/rpc/gate.h"

namespace dbagent::rpc {

// A server stream that shows the newest state of something: a message now, one after every change
// (changes while a write is under way are taken together), one every heartbeat, until `read` says
// that this is the last.
//
// It deletes itself when gRPC is done with it. Poke() may be called from any thread and does not
// block.
template <typename Message>
class WatchReactor : public grpc::ServerWriteReactor<Message>,
                     public std::enable_shared_from_this<WatchReactor<Message>> {
 public:
  struct Reading {
    Message message;
    bool last = false;
  };
  using Read = std::function<Result<Reading>()>;

  // `method` as it is counted; a literal.
  static WatchReactor* Make(Gate& gate, std::string_view method, std::shared_ptr<Gate::Place> place,
                            Read read, std::optional<std::chrono::seconds> heartbeat) {
    std::shared_ptr<WatchReactor> made(
        new WatchReactor(gate, method, std::move(place), std::move(read), heartbeat));
    made->self_ = made;
    return made.get();
  }

  // Begins. `subscribe` gets what to call on a change, and answers what keeps the subscription.
  void Begin(const std::function<std::shared_ptr<void>(std::function<void()>)>& subscribe) {
    const std::weak_ptr<WatchReactor> weak = this->weak_from_this();
    auto subscription = subscribe([weak] {
      if (const auto self = weak.lock()) self->Poke();
    });
    {
      const std::lock_guard lock(mutex_);
      subscription_ = std::move(subscription);
    }
    Poke();
    ArmHeartbeat();
  }

  void Poke() {
    {
      const std::lock_guard lock(mutex_);
      if (finished_) return;
      dirty_ = true;
      if (busy_) return;
      busy_ = true;
    }
    const Status posted = gate_.Post([self = this->shared_from_this()] { self->WriteNext(); });
    if (!posted.ok()) End(posted);
  }

  void OnWriteDone(bool ok) override {
    bool again = false;
    bool end = !ok;
    {
      const std::lock_guard lock(mutex_);
      busy_ = false;
      end = end || last_;
      again = dirty_ && !end;
    }
    if (end) return End(Ok());
    if (again) Poke();
  }
  void OnCancel() override { End(Error(Code::kCancelled, "CANCELLED", "the caller went away")); }
  void OnDone() override {
    std::shared_ptr<void> subscription;
    std::shared_ptr<WatchReactor> self;
    {
      const std::lock_guard lock(mutex_);
      subscription.swap(subscription_);
      self.swap(self_);
    }
    heartbeat_alarm_.Cancel();
  }

 private:
  WatchReactor(Gate& gate, std::string_view method, std::shared_ptr<Gate::Place> place, Read read,
               std::optional<std::chrono::seconds> heartbeat)
      : gate_(gate),
        method_(method),
        place_(std::move(place)),
        read_(std::move(read)),
        heartbeat_(heartbeat) {}

  void WriteNext() {
    {
      const std::lock_guard lock(mutex_);
      if (finished_) return;
      dirty_ = false;
    }
    Result<Reading> reading = read_();
    if (!reading.ok()) return End(reading.status());
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    message_ = std::move(reading->message);
    last_ = reading->last;
    this->StartWrite(&message_);
  }

  void End(const Status& status) {
    const grpc::Status wire = ToGrpc(status);
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    finished_ = true;
    Gate::Count(method_, status);
    this->Finish(wire);
  }

  void ArmHeartbeat() {
    if (!heartbeat_) return;
    heartbeat_alarm_.Set(std::chrono::system_clock::now() + *heartbeat_,
                         [weak = this->weak_from_this()](bool fired) {
                           const auto self = weak.lock();
                           if (!fired || !self) return;
                           self->Poke();
                           self->ArmHeartbeat();
                         });
  }

  Gate& gate_;
  const std::string_view method_;
  std::shared_ptr<Gate::Place> place_;
  Read read_;
  const std::optional<std::chrono::seconds> heartbeat_;
  grpc::Alarm heartbeat_alarm_;
  std::mutex mutex_;
  bool dirty_ = false, busy_ = false, last_ = false, finished_ = false;
  Message message_;
  std::shared_ptr<void> subscription_;
  std::shared_ptr<WatchReactor> self_;
};

}  // namespace dbagent::rpc
