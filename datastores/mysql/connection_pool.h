#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "datastores/mysql/connection.h"
#include "datastores/mysql/interrupter.h"

namespace dbagent::datastore::mysql {

// Idle connections for reuse, a few; as many in use as callers ask for. Threads: any.
class ConnectionPool {
 public:
  explicit ConnectionPool(const Address& address) : address_(address), interrupter_(address) {}

  // Goes back into the pool with the lease's end when nothing interrupted it.
  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_) pool_->Return(std::move(connection_));
    }
    Connection* operator->() const { return connection_.get(); }
    Connection& operator*() const { return *connection_; }
    // Its session was changed: it does not go back.
    void Discard() { connection_.reset(); }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  // SERVER_UNAVAILABLE.
  Result<Lease> Get(const OpContext& ctx);
  // Closes the idle ones.
  void Clear();
  const Address& address() const { return address_; }
  Interrupter& interrupter() { return interrupter_; }

 private:
  std::unique_ptr<Connection> TakeIdle();
  void Return(std::unique_ptr<Connection> connection);

  const Address address_;
  Interrupter interrupter_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace dbagent::datastore::mysql
