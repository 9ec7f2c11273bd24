#include "datastores/mysql/interrupter.h"

#include <sys/socket.h>

#include <algorithm>

namespace dbagent::datastore::mysql {
namespace {
constexpr auto kObedience = std::chrono::seconds(2);
}

Interrupter::~Interrupter() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

Interrupter::Watch::Watch(Interrupter& interrupter, const OpContext& ctx,
                          unsigned long connection_id, my_socket socket)
    : interrupter_(interrupter), watched_(!ctx.deadline().never() || ctx.stop().stop_possible()) {
  if (!watched_) return;
  {
    const std::lock_guard lock(interrupter_.mutex_);
    if (!interrupter_.thread_.joinable())
      interrupter_.thread_ = std::thread([&it = interrupter_] { it.Run(); });
    entry_ = interrupter_.entries_.insert(interrupter_.entries_.end(),
                                          {connection_id, socket, ctx.deadline().time()});
    interrupter_.changed_.notify_all();
  }
  on_stop_.emplace(ctx.stop(), Stop{this});
}

Interrupter::Watch::~Watch() {
  if (!watched_) return;
  on_stop_.reset();  // waits for a callback that runs
  std::unique_lock lock(interrupter_.mutex_);
  // a KILL QUERY on its way must not meet the connection's next statement
  interrupter_.changed_.wait(lock, [&] { return !entry_->busy; });
  interrupter_.entries_.erase(entry_);
}

bool Interrupter::Watch::fired() const {
  if (!watched_) return false;
  const std::lock_guard lock(interrupter_.mutex_);
  return entry_->fired;
}

void Interrupter::Watch::Stop::operator()() const {
  const std::lock_guard lock(watch->interrupter_.mutex_);
  if (watch->entry_->next == Next::kKillQuery) watch->entry_->due = Clock::now();
  watch->interrupter_.changed_.notify_all();
}

void Interrupter::Run() {
  std::unique_lock lock(mutex_);
  while (!quit_) {
    const auto first =
        std::min_element(entries_.begin(), entries_.end(),
                         [](const Entry& a, const Entry& b) { return a.due < b.due; });
    if (first == entries_.end() || first->due == Clock::time_point::max()) {
      changed_.wait(lock);
    } else if (first->due > Clock::now()) {
      const Clock::time_point due = first->due;  // the entry may go while this waits
      changed_.wait_until(lock, due);
    } else {
      Act(lock, *first);
    }
  }
}

void Interrupter::Act(std::unique_lock<std::mutex>& lock, Entry& entry) {
  entry.fired = true;
  if (entry.next == Next::kCutConnection) {
    shutdown(entry.socket, SHUT_RDWR);
    entry.next = Next::kNothing;
    entry.due = Clock::time_point::max();
    return;
  }
  entry.busy = true;
  lock.unlock();
  const OpContext ctx;
  if (Result<std::unique_ptr<Connection>> killer =
          Connection::Open(ctx, address_, nullptr, kObedience);
      killer.ok()) {
    (*killer)
        ->Execute(ctx, "interrupt a statement", fmt::format("KILL QUERY {}", entry.connection_id))
        .Ignore("the statement may have ended; else its connection is cut");
  }
  lock.lock();
  entry.busy = false;
  entry.next = Next::kCutConnection;
  entry.due = Clock::now() + kObedience;
  changed_.notify_all();
}

}  // namespace dbagent::datastore::mysql
