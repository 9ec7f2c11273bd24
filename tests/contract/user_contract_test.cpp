#include <algorithm>

#include "tests/contract/contract_test.h"

namespace dbagent::tests {
namespace {

class UserContract : public ContractTest {
 protected:
  UserSpec Spec(const std::string& name, const std::string& password = "pw") {
    UserSpec spec;
    spec.id = User(name);
    spec.password = Secret(password);
    return spec;
  }
  // Logs in to a database that the user may enter.
  bool Enters(const UserId& user, const std::string& password) const {
    return LogIn(user.name, password, "lobby").ok();
  }
  UserId MakeVisitor(const std::string& name, const std::string& password) {
    const UserId id = MakeUser(name, password);
    EXPECT_OK(grants().GrantTo(ctx(), id, GrantOf("lobby", PrivilegeSet::kReadOnly)));
    return id;
  }
  void SetUp() override { MakeDatabase("lobby"); }
};

TEST_F(UserContract, MakesListsGetsAndDropsAUser) {
  ASSERT_OK_AND_ASSIGN(const UserInfo made, users().Create(ctx(), Spec("alice")));
  EXPECT_EQ(made.id.name, "alice");
  EXPECT_EQ(made.id.host, traits().has_hosts ? "%" : "");
  EXPECT_FALSE(made.authentication.empty());
  const std::vector<std::string> names = UserNames();
  EXPECT_EQ(std::count(names.begin(), names.end(), "alice"), 1);
  ASSERT_OK_AND_ASSIGN(const UserInfo got, users().Get(ctx(), made.id));
  EXPECT_EQ(got.authentication, made.authentication);
  ASSERT_OK_AND_ASSIGN(const bool was_there, users().Drop(ctx(), made.id));
  EXPECT_TRUE(was_there);
  EXPECT_EQ(ReasonOf(users().Get(ctx(), made.id)), "USER_NOT_FOUND");
  ASSERT_OK_AND_ASSIGN(const bool again, users().Drop(ctx(), made.id));
  EXPECT_FALSE(again);
}

TEST_F(UserContract, TakesNamesThatNeedQuoting) {
  for (const std::string name :
       {"it's", "a\"b", "a`b", "back\\slash", "Ünïcödé", "日本語", "with space", "x; DROP ROLE x--",
        "%s$1", "-u", "a@b", "SELECT", "UPPER", "current_user"}) {
    SCOPED_TRACE(name);
    const UserId id = MakeVisitor(name, "secret");
    ASSERT_OK_AND_ASSIGN(const UserInfo got, users().Get(ctx(), id));
    EXPECT_EQ(got.id.name, name);
    EXPECT_TRUE(Enters(id, "secret"));
  }
}

TEST_F(UserContract, TakesTheLongestNameAndRefusesOneMore) {
  const std::string longest = traits().longest_user;
  ASSERT_OK(users().Create(ctx(), Spec(longest)));
  EXPECT_EQ(ReasonOf(users().Create(ctx(), {{longest + "x", ""}, Secret("pw"), {}})),
            "NAME_INVALID");
  EXPECT_EQ(ReasonOf(users().Create(ctx(), {{"bad\xff", ""}, Secret("pw"), {}})), "NAME_INVALID");
  EXPECT_EQ(ReasonOf(users().Create(ctx(), {{std::string("a\0b", 3), ""}, Secret("pw"), {}})),
            "NAME_INVALID");
  EXPECT_EQ(ReasonOf(users().Create(ctx(), {{"", ""}, Secret("pw"), {}})), "NAME_INVALID");
}

TEST_F(UserContract, KeepsReservedAccountsOutOfReach) {
  std::vector<std::string> reserved = traits().reserved_users;
  reserved.push_back(server().settings().os_user);
  if (traits().has_hosts) reserved.push_back(server().settings().server_user);
  const UserId plain = MakeUser("plain");
  for (const std::string& name : reserved) {
    SCOPED_TRACE(name);
    const UserId id{name, ""};
    EXPECT_EQ(ReasonOf(users().Check({id, Secret("pw"), {}})), "NAME_RESERVED");
    EXPECT_EQ(ReasonOf(users().Create(ctx(), {id, Secret("pw"), {}})), "NAME_RESERVED");
    EXPECT_EQ(ReasonOf(users().Get(ctx(), id)), "NAME_RESERVED");
    EXPECT_EQ(ReasonOf(users().Drop(ctx(), id)), "NAME_RESERVED");
    EXPECT_EQ(ReasonOf(users().StoredCredential(ctx(), id)), "NAME_RESERVED");
    EXPECT_EQ(ReasonOf(grants().GrantTo(ctx(), id, GrantOf("lobby", PrivilegeSet::kAll))),
              "NAME_RESERVED");
    EXPECT_EQ(ReasonOf(users().Update(ctx(), {plain, id, {}, {}})), "NAME_RESERVED");
    const std::vector<std::string> names = UserNames();
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 0);
  }
}

TEST_F(UserContract, TellsWhatExistsAndWhatIsMissing) {
  const UserId alice = MakeUser("alice");
  EXPECT_EQ(ReasonOf(users().Create(ctx(), {alice, Secret("pw"), {}})), "USER_EXISTS");
  UserId nobody = alice;
  nobody.name = "nobody there";
  EXPECT_EQ(ReasonOf(users().Get(ctx(), nobody)), "USER_NOT_FOUND");
  EXPECT_EQ(ReasonOf(users().Update(ctx(), {nobody, {}, Secret("x"), {}})), "USER_NOT_FOUND");
  EXPECT_EQ(ReasonOf(users().StoredCredential(ctx(), nobody)), "USER_NOT_FOUND");
  EXPECT_EQ(ReasonOf(grants().List(ctx(), nobody)), "USER_NOT_FOUND");
}

TEST_F(UserContract, LogsInWithPasswordsOfEveryByteButNul) {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::vector<std::string> passwords = {all.substr(0, 127),
                                              all.substr(127),
                                              all,
                                              "'\"`\\%$;-- ",
                                              "päß 🐘",
                                              "a\u00adb\u00a0c",
                                              " lead and trail ",
                                              "SCRAM-SHA-256$4096:x$y:z",
                                              "md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                              std::string(200, 'x')};
  const UserId id = MakeVisitor("bytes", "first");
  for (const std::string& password : passwords) {
    SCOPED_TRACE(testing::PrintToString(password));
    ASSERT_OK(users().Update(ctx(), {id, {}, Secret(password), {}}));
    EXPECT_OK(LogIn(id.name, password, "lobby"));
    EXPECT_FALSE(Enters(id, "x" + password));
    EXPECT_FALSE(Enters(id, "first"));
  }
  const UserId born = MakeVisitor("born", all);
  EXPECT_TRUE(Enters(born, all));
  EXPECT_EQ(ReasonOf(users().Update(ctx(), {id, {}, Secret(std::string_view("a\0b", 3)), {}})),
            "PASSWORD_INVALID");
  EXPECT_EQ(ReasonOf(users().Check({id, Secret(std::string_view("a\0b", 3)), {}})),
            "PASSWORD_INVALID");
}

TEST_F(UserContract, AnEmptyPasswordLetsNobodyIn) {
  const UserId id = MakeVisitor("silent", "");
  EXPECT_FALSE(Enters(id, ""));
  EXPECT_FALSE(Enters(id, "x"));
  ASSERT_OK(users().Update(ctx(), {id, {}, Secret("now one"), {}}));
  EXPECT_TRUE(Enters(id, "now one"));
  ASSERT_OK(users().Update(ctx(), {id, {}, Secret(), {}}));
  EXPECT_FALSE(Enters(id, ""));
  EXPECT_FALSE(Enters(id, "now one"));
}

TEST_F(UserContract, ShowsAStoredCredentialThatChangesWithThePasswordAndIsNotIt) {
  const UserId id = MakeUser("keeper", "one");
  ASSERT_OK_AND_ASSIGN(const Secret first, users().StoredCredential(ctx(), id));
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first.Reveal().find("one"), std::string_view::npos);
  ASSERT_OK(users().Update(ctx(), {id, {}, Secret("two"), {}}));
  ASSERT_OK_AND_ASSIGN(const Secret second, users().StoredCredential(ctx(), id));
  EXPECT_FALSE(first == second);
}

TEST_F(UserContract, ALockedUserCannotLogIn) {
  const UserId id = MakeVisitor("locked", "pw");
  UserChange change{id, {}, {}, {}};
  std::optional<bool>& field =
      traits().has_lock ? change.attributes.locked : change.attributes.login;
  std::optional<bool>& foreign =
      traits().has_lock ? change.attributes.login : change.attributes.locked;
  field = traits().has_lock;  // locked, or not login
  ASSERT_OK_AND_ASSIGN(const UserInfo shut, users().Update(ctx(), change));
  EXPECT_FALSE(Enters(id, "pw"));
  EXPECT_EQ(traits().has_lock ? shut.attributes.locked : shut.attributes.login, traits().has_lock);
  field = !traits().has_lock;
  ASSERT_OK(users().Update(ctx(), change));
  EXPECT_TRUE(Enters(id, "pw"));
  foreign = true;
  EXPECT_EQ(ReasonOf(users().Update(ctx(), change)), "FIELD_UNSUPPORTED");
}

TEST_F(UserContract, LimitsConnections) {
  const UserId id = MakeVisitor("limited", "pw");
  UserChange change{id, {}, {}, {}};
  if (traits().has_lock) {
    change.attributes.max_connections = 1;
  } else {
    change.attributes.connection_limit = 1;
  }
  ASSERT_OK(users().Update(ctx(), change));
  const auto first = LogIn(id.name, "pw", "lobby");
  ASSERT_OK(first);
  EXPECT_FALSE(Enters(id, "pw"));
}

TEST_F(UserContract, KeepsTheAttributesOfRoles) {
  UserSpec spec = Spec("attributed");
  spec.attributes.inherit = false;
  spec.attributes.create_database = true;
  spec.attributes.create_role = true;
  spec.attributes.connection_limit = 3;
  spec.attributes.valid_until = WallTime(std::chrono::seconds(2000000000));
  const UserId group = MakeUser("a group, \"of\" many");
  spec.attributes.member_of = {{group.name}};
  if (!traits().has_owner) {
    EXPECT_EQ(ReasonOf(users().Create(ctx(), spec)), "FIELD_UNSUPPORTED");
    return;
  }
  ASSERT_OK_AND_ASSIGN(const UserInfo made, users().Create(ctx(), spec));
  EXPECT_EQ(made.attributes.inherit, false);
  EXPECT_EQ(made.attributes.create_database, true);
  EXPECT_EQ(made.attributes.create_role, true);
  EXPECT_EQ(made.attributes.connection_limit, 3);
  EXPECT_EQ(made.attributes.valid_until, spec.attributes.valid_until);
  EXPECT_EQ(made.attributes.member_of, spec.attributes.member_of);
  UserChange change{spec.id, {}, {}, {}};
  change.attributes.valid_until = WallTime::max();
  change.attributes.member_of = std::vector<std::string>();
  ASSERT_OK_AND_ASSIGN(const UserInfo changed, users().Update(ctx(), change));
  EXPECT_EQ(changed.attributes.valid_until, WallTime::max());
  EXPECT_TRUE(changed.attributes.member_of->empty());
  EXPECT_EQ(changed.attributes.connection_limit, 3);  // what is not set stays
}

TEST_F(UserContract, MembershipsAreOnlyInRolesOfUsers) {
  UserSpec spec = Spec("climber");
  if (!traits().has_owner) {
    spec.attributes.member_of = {{"x"}};
    EXPECT_EQ(ReasonOf(users().Check(spec)), "FIELD_UNSUPPORTED");
    return;
  }
  std::vector<std::string> reserved = traits().reserved_users;
  reserved.push_back(server().settings().os_user);
  for (const std::string& name : reserved) {
    spec.attributes.member_of = {{name}};
    EXPECT_EQ(ReasonOf(users().Create(ctx(), spec)), "NAME_RESERVED");
  }
  spec.attributes.member_of = {{"nobody there"}};
  EXPECT_EQ(ReasonOf(users().Create(ctx(), spec)), "USER_NOT_FOUND");
  EXPECT_EQ(ReasonOf(users().Get(ctx(), spec.id)), "USER_NOT_FOUND");  // all or nothing
}

TEST_F(UserContract, ARenamedUserKeepsItsPassword) {
  UserId id = MakeVisitor("before", "kept");
  UserId next = User("after \"it\"");
  ASSERT_OK_AND_ASSIGN(const UserInfo renamed, users().Update(ctx(), {id, next, {}, {}}));
  EXPECT_EQ(renamed.id.name, next.name);
  EXPECT_TRUE(Enters(next, "kept"));
  EXPECT_EQ(ReasonOf(users().Get(ctx(), id)), "USER_NOT_FOUND");
  const UserId other = MakeUser("other");
  EXPECT_EQ(ReasonOf(users().Update(ctx(), {next, other, Secret("new"), {}})), "USER_EXISTS");
  EXPECT_TRUE(Enters(next, "kept"));  // nothing of it happened
}

TEST_F(UserContract, EndsTheSessionsOfAUserThatIsDropped) {
  const UserId id = MakeVisitor("leaving", "pw");
  ASSERT_OK_AND_ASSIGN(const auto session, LogIn(id.name, "pw", "lobby"));
  ASSERT_TRUE(Can(*session, "SELECT 1"));
  ASSERT_OK_AND_ASSIGN(const bool was_there, users().Drop(ctx(), id));
  EXPECT_TRUE(was_there);
  EXPECT_FALSE(Can(*session, "SELECT 1"));
  EXPECT_FALSE(Enters(id, "pw"));
}

TEST_F(UserContract, WhatADroppedUserMadeStays) {
  const UserId maker = MakeUser("maker");
  ASSERT_OK(grants().GrantTo(ctx(), maker, GrantOf("lobby", PrivilegeSet::kAll)));
  {
    ASSERT_OK_AND_ASSIGN(const auto session, LogIn(maker.name, "pa ss'word", "lobby"));
    ASSERT_OK(session->Query("CREATE TABLE kept (i int)"));
    ASSERT_OK(session->Query("INSERT INTO kept VALUES (1)"));
  }
  if (traits().has_owner) {
    DatabaseSpec spec;
    spec.name = Database("makers own");
    spec.owner = maker.name;
    ASSERT_OK(databases().Create(ctx(), spec));
    ASSERT_OK_AND_ASSIGN(const auto session, LogIn(maker.name, "pa ss'word", "makers own"));
    ASSERT_OK(session->Query("CREATE TABLE own (i int)"));
  }
  ASSERT_OK(users().Drop(ctx(), maker));
  const auto root = RootSession("lobby");
  ASSERT_OK_AND_ASSIGN(const ClientSession::Table rows, root->Query("SELECT i FROM kept"));
  EXPECT_EQ(rows, (ClientSession::Table{{"1"}}));
  if (traits().has_owner) {
    ASSERT_OK_AND_ASSIGN(const DatabaseInfo heir, databases().Get(ctx(), "makers own"));
    EXPECT_EQ(heir.owner, "");  // nobody
    EXPECT_TRUE(Can(*RootSession("makers own"), "SELECT * FROM own"));
  }
}

TEST_F(UserContract, PagesBytewise) {
  const std::vector<std::string> names = {"u1", "u10", "u2", "uB", "ua", "uä"};
  for (const std::string& name : names) MakeUser(name);
  std::vector<std::string> seen;
  std::optional<UserId> after = UserId{"u", ""};
  for (bool more = true; more && seen.size() < 100;) {
    ASSERT_OK_AND_ASSIGN(const auto page, users().List(ctx(), {2, after}));
    ASSERT_LE(page.items.size(), 2U);
    for (const UserInfo& info : page.items) seen.push_back(info.id.name);
    more = page.more;
    if (!page.items.empty()) after = page.items.back().id;
  }
  EXPECT_EQ(seen, names);
}

TEST_F(UserContract, ListsAPageAmongThousands) {
  constexpr int kMany = 10000;
  const auto root = RootSession();
  for (const std::string& sql : traits().make_many_users("many", kMany))
    ASSERT_OK(root->Query(sql));
  ASSERT_OK_AND_ASSIGN(const auto page, users().List(ctx(), {100, UserId{"many", ""}}));
  EXPECT_EQ(page.items.size(), 100U);
  EXPECT_TRUE(page.more);
  for (const std::string& sql : traits().drop_many_users("many", kMany))
    ASSERT_OK(root->Query(sql));
}

TEST_F(UserContract, RefusesFieldsThatAccountsDoNotHave) {
  UserSpec spec = Spec("hosted");
  if (!traits().has_hosts) {
    spec.id.host = "10.0.0.%";
    EXPECT_EQ(ReasonOf(users().Check(spec)), "FIELD_UNSUPPORTED");
    EXPECT_EQ(ReasonOf(users().Create(ctx(), spec)), "FIELD_UNSUPPORTED");
    return;
  }
  spec.id.host = "not a host!";
  EXPECT_EQ(ReasonOf(users().Check(spec)), "HOST_INVALID");
}

}  // namespace
}  // namespace dbagent::tests
