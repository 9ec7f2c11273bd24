#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "datastores/datastore.h"
#include "tests/support/real_server.h"
#include "tests/support/status_matchers.h"

namespace dbagent::tests {

using datastore::DatabaseChange;
using datastore::DatabaseInfo;
using datastore::DatabaseSpec;
using datastore::Grant;
using datastore::HealthState;
using datastore::PrivilegeSet;
using datastore::UserChange;
using datastore::UserId;
using datastore::UserInfo;
using datastore::UserSpec;

// What every contract test has: the server, a deadline that bounds each call, and what it made
// dropped at its end.
class ContractTest : public testing::Test {
 protected:
  void TearDown() override;

  RealServer& server() const { return TheServer(); }
  const ServerTraits& traits() const { return TheTraits(); }
  datastore::Datastore& store() const { return server().store(); }
  datastore::DatabaseAdmin& databases() const { return *store().databases(); }
  datastore::UserAdmin& users() const { return *store().users(); }
  datastore::GrantAdmin& grants() const { return *store().grants(); }
  OpContext ctx() const { return OpContext().WithBudget(std::chrono::seconds(60)); }

  // Dropped at the end of the test, as is everything named so.
  std::string Database(const std::string& name) {
    made_databases_.push_back(name);
    return name;
  }
  UserId User(const std::string& name);
  // Make and expect success.
  std::string MakeDatabase(const std::string& name);
  UserId MakeUser(const std::string& name, const std::string& password = "pa ss'word");

  std::vector<std::string> DatabaseNames() const;
  std::vector<std::string> UserNames() const;
  Result<std::unique_ptr<ClientSession>> LogIn(const std::string& user, const std::string& password,
                                               const std::string& database = "") const;
  // A superuser's session, by an enabled root that TearDown disables again.
  std::unique_ptr<ClientSession> RootSession(const std::string& database = "");
  void DisableRoot();
  // Whether a statement succeeds in a session.
  static bool Can(ClientSession& session, const std::string& sql);
  std::string Q(const std::string& name) const { return traits().quote(name); }

 private:
  std::vector<std::string> made_databases_;
  std::vector<UserId> made_users_;
  bool root_enabled_ = false;
};

Grant GrantOf(const std::string& database, PrivilegeSet set);
Grant GrantOf(const std::string& database, std::vector<std::string> words);

}  // namespace dbagent::tests
