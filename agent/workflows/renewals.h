#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/config/given_credentials.h"
#include "dbagent/v1/store.pb.h"

namespace dbagent::workflows {

// Which running operations have a store of their request's, so that its credentials can be renewed.
// Keeps nothing of an operation that has ended. Threads: any.
class Renewals {
 public:
  struct Running {
    v1::StoreTarget target;  // without credentials
    std::shared_ptr<config::GivenCredentials> credentials;
  };
  // As long as somebody holds the credentials.
  void Remember(const std::string& operation, const Running& running);
  std::optional<Running> Find(const std::string& operation) const;

  // For an operation whose recovery begins now and takes them.
  void Bring(const std::string& operation, config::StoreCredentials credentials);
  std::optional<config::StoreCredentials> Take(const std::string& operation);

 private:
  struct Entry {
    v1::StoreTarget target;
    std::weak_ptr<config::GivenCredentials> credentials;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Entry> running_;
  std::map<std::string, config::StoreCredentials> brought_;
};

}  // namespace dbagent::workflows
