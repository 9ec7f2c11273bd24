#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "datastores/postgresql/connection.h"

namespace dbagent::datastore::postgresql {

// Connections to one server. Idle ones are kept only to the maintenance database: one left in a
// user's database would keep its owner from dropping it or from using it as a template.
//
// Threads: any; a Lease belongs to one thread.
class SessionPool {
 public:
  class Lease {
   public:
    Lease(SessionPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_) pool_->GiveBack(std::move(connection_));
    }
    Connection* operator->() { return connection_.get(); }
    Connection& operator*() { return *connection_; }

   private:
    SessionPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  explicit SessionPool(Target maintenance) : target_(std::move(maintenance)) {}

  // To the maintenance database, an idle one when there is one.
  Result<Lease> Take(const OpContext& ctx);
  // A fresh one to any database; DATABASE_NOT_FOUND.
  Result<std::unique_ptr<Connection>> Connect(const OpContext& ctx,
                                              const std::string& database) const;
  // A fresh one for the replication protocol.
  Result<std::unique_ptr<Connection>> ConnectForReplication(const OpContext& ctx) const;
  void CloseIdle();

 private:
  void GiveBack(std::unique_ptr<Connection> connection);

  const Target target_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace dbagent::datastore::postgresql
