#include "datastores/postgresql/session_pool.h"

namespace dbagent::datastore::postgresql {
namespace {
constexpr std::size_t kMaxIdle = 4;
}

Result<SessionPool::Lease> SessionPool::Take(const OpContext& ctx) {
  for (;;) {
    std::unique_ptr<Connection> connection;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) break;
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
    if (connection->Reusable()) return Lease(*this, std::move(connection));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(ctx, target_));
  return Lease(*this, std::move(connection));
}

Result<std::unique_ptr<Connection>> SessionPool::Connect(const OpContext& ctx,
                                                         const std::string& database) const {
  Target target = target_;
  target.database = database;
  return Connection::Open(ctx, target);
}

Result<std::unique_ptr<Connection>> SessionPool::ConnectForReplication(const OpContext& ctx) const {
  Target target = target_;
  target.replication = true;
  return Connection::Open(ctx, target);
}

void SessionPool::CloseIdle() {
  std::vector<std::unique_ptr<Connection>> closing;
  const std::lock_guard lock(mutex_);
  closing.swap(idle_);
}

void SessionPool::GiveBack(std::unique_ptr<Connection> connection) {
  if (!connection->Reusable()) return;
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(connection));
}

}  // namespace dbagent::datastore::postgresql
