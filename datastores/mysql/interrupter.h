#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "agent/base/op_context.h"
#include "datastores/mysql/connection.h"

namespace dbagent::datastore::mysql {

// Ends statements whose ctx has ended: one thread watches all that run, and sends KILL QUERY over a
// connection of its own. A server that does not obey within two seconds loses the statement's
// connection. Threads: any.
class Interrupter {
 public:
  explicit Interrupter(Address address) : address_(std::move(address)) {}
  ~Interrupter();
  Interrupter(const Interrupter&) = delete;
  Interrupter& operator=(const Interrupter&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Next : std::uint8_t { kKillQuery, kCutConnection, kNothing };
  struct Entry {
    unsigned long connection_id;
    my_socket socket;
    Clock::time_point due;
    Next next = Next::kKillQuery;
    bool busy = false;
    bool fired = false;
  };

 public:
  // While it lives, the statement that runs on the connection is watched.
  class Watch {
   public:
    Watch(Interrupter& interrupter, const OpContext& ctx, unsigned long connection_id,
          my_socket socket);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    // Whether the statement was interrupted, or is being.
    bool fired() const;

   private:
    struct Stop {
      Watch* watch;
      void operator()() const;
    };
    Interrupter& interrupter_;
    std::list<Entry>::iterator entry_;
    bool watched_ = false;
    std::optional<std::stop_callback<Stop>> on_stop_;
  };

 private:
  void Run();
  void Act(std::unique_lock<std::mutex>& lock, Entry& entry);

  const Address address_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Entry> entries_;
  bool quit_ = false;
  std::thread thread_;
};

}  // namespace dbagent::datastore::mysql
