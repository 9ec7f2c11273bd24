#include "datastores/mysql/connection_pool.h"

#include <mysqld_error.h>

#include <algorithm>

#include "agent/base/pause.h"
#include "datastores/mysql/server_error.h"

namespace dbagent::datastore::mysql {
namespace {
constexpr std::size_t kMostIdle = 4;
constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(5);
// The session that the server keeps free for administrators is taken for a moment by each user whom
// it is just turning away.
constexpr std::chrono::milliseconds kCrowdPatience = std::chrono::seconds(1), kCrowdPause{10};
}  // namespace

Result<ConnectionPool::Lease> ConnectionPool::Get(const OpContext& ctx) {
  while (std::unique_ptr<Connection> idle = TakeIdle()) {
    if (idle->Answers(ctx)) return Lease(*this, std::move(idle));
  }
  const auto patience =
      std::chrono::ceil<std::chrono::seconds>(ctx.deadline().Remaining(kPatience));
  const Deadline crowd_is_over = Deadline::After(kCrowdPatience);
  for (;;) {
    auto connection =
        Connection::Open(ctx, address_, &interrupter_, std::max(patience, std::chrono::seconds(1)));
    if (connection.ok()) return Lease(*this, *std::move(connection));
    if (ServerErrno(connection.status()) != ER_CON_COUNT_ERROR || crowd_is_over.expired() ||
        !ctx.Poll().ok())
      return connection.status();
    Pause(ctx, kCrowdPause);
  }
}

void ConnectionPool::Clear() {
  const std::lock_guard lock(mutex_);
  idle_.clear();
}

std::unique_ptr<Connection> ConnectionPool::TakeIdle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Connection> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void ConnectionPool::Return(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  if (connection->reusable() && idle_.size() < kMostIdle) idle_.push_back(std::move(connection));
}

}  // namespace dbagent::datastore::mysql
