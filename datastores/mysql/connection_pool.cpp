#include "datastores/mysql/connection_pool.h"

#include <algorithm>

namespace dbagent::datastore::mysql {
namespace {
constexpr std::size_t kMostIdle = 4;
constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(5);
}  // namespace

Result<ConnectionPool::Lease> ConnectionPool::Get(const OpContext& ctx) {
  while (std::unique_ptr<Connection> idle = TakeIdle()) {
    if (idle->Answers(ctx)) return Lease(*this, std::move(idle));
  }
  const auto patience =
      std::chrono::ceil<std::chrono::seconds>(ctx.deadline().Remaining(kPatience));
  ASSIGN_OR_RETURN(auto connection, Connection::Open(ctx, address_, &interrupter_,
                                                     std::max(patience, std::chrono::seconds(1))));
  return Lease(*this, std::move(connection));
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
