#include "tests/contract/contract_test.h"

namespace dbagent::tests {
namespace {

constexpr const char* kRootPassword = "root's own";

class PreparedServer : public testing::Environment {
 public:
  void SetUp() override { TheServer(); }
  void TearDown() override { EndTheServer(); }
};

[[maybe_unused]] testing::Environment* const registered =
    testing::AddGlobalTestEnvironment(new PreparedServer);

}  // namespace

void ContractTest::TearDown() {
  if (root_enabled_) DisableRoot();
  for (const std::string& name : made_databases_) EXPECT_OK(databases().Drop(ctx(), name));
  for (const UserId& id : made_users_) EXPECT_OK(users().Drop(ctx(), id));
}

UserId ContractTest::User(const std::string& name) {
  const UserId id{name, traits().has_hosts ? "%" : ""};
  made_users_.push_back(id);
  return id;
}

std::string ContractTest::MakeDatabase(const std::string& name) {
  DatabaseSpec spec;
  spec.name = Database(name);
  EXPECT_OK(databases().Create(ctx(), spec));
  return name;
}

UserId ContractTest::MakeUser(const std::string& name, const std::string& password) {
  UserSpec spec;
  spec.id = User(name);
  spec.password = Secret(password);
  EXPECT_OK(users().Create(ctx(), spec));
  return spec.id;
}

std::vector<std::string> ContractTest::DatabaseNames() const {
  const auto page = databases().List(ctx(), {1000, std::nullopt}, false);
  EXPECT_OK(page);
  std::vector<std::string> names;
  if (!page.ok()) return names;
  for (const DatabaseInfo& info : page->items) names.push_back(info.name);
  return names;
}

std::vector<std::string> ContractTest::UserNames() const {
  const auto page = users().List(ctx(), {1000, std::nullopt});
  EXPECT_OK(page);
  std::vector<std::string> names;
  if (!page.ok()) return names;
  for (const UserInfo& info : page->items) names.push_back(info.id.name);
  return names;
}

Result<std::unique_ptr<ClientSession>> ContractTest::LogIn(const std::string& user,
                                                           const std::string& password,
                                                           const std::string& database) const {
  return server().LogIn({user, Secret(password), database});
}

std::unique_ptr<ClientSession> ContractTest::RootSession(const std::string& database) {
  if (!root_enabled_) {
    EXPECT_OK(store().root()->Enable(ctx(), Secret(kRootPassword)));
  }
  root_enabled_ = true;
  auto session = LogIn("root", kRootPassword, database);
  EXPECT_OK(session);
  if (!session.ok()) throw std::runtime_error("root cannot log in");  // fails the test
  return *std::move(session);
}

void ContractTest::DisableRoot() {
  EXPECT_OK(store().root()->Disable(ctx()));
  root_enabled_ = false;
}

bool ContractTest::Can(ClientSession& session, const std::string& sql) {
  return session.Query(sql).ok();
}

Grant GrantOf(const std::string& database, PrivilegeSet set) {
  return {database, "", set, {}, false};
}
Grant GrantOf(const std::string& database, std::vector<std::string> words) {
  return {database, "", PrivilegeSet::kNone, std::move(words), false};
}

}  // namespace dbagent::tests
