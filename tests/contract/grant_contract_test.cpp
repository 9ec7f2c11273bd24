#include <algorithm>
#include <thread>

#include "tests/contract/contract_test.h"

namespace dbagent::tests {
namespace {

constexpr const char* kPassword = "pa ss'word";

class GrantContract : public ContractTest {
 protected:
  void SetUp() override {
    MakeDatabase("shop");
    root_ = RootSession("shop");
    ASSERT_OK(root_->Query("CREATE TABLE early (i int)"));
    ASSERT_OK(root_->Query("INSERT INTO early VALUES (1)"));
    user_ = MakeUser("grantee \"x\"");
  }

  Status Give(PrivilegeSet set) { return grants().GrantTo(ctx(), user_, GrantOf("shop", set)); }
  Status Take(PrivilegeSet set) { return grants().RevokeFrom(ctx(), user_, GrantOf("shop", set)); }
  bool Enters() const { return LogIn(user_.name, kPassword, "shop").ok(); }
  // What the user can do with a table, in a session of its own: `rwc` read, write, change the
  // structure of the database.
  std::string Powers(const std::string& table) const {
    auto session = LogIn(user_.name, kPassword, "shop");
    if (!session.ok()) return "";
    std::string powers;
    if (Can(**session, "SELECT i FROM " + table)) powers += "r";
    if (Can(**session, "INSERT INTO " + table + " VALUES (2)") &&
        Can(**session, "UPDATE " + table + " SET i = 3 WHERE i = 2") &&
        Can(**session, "DELETE FROM " + table + " WHERE i = 3")) {
      powers += "w";
    }
    if (Can(**session, "CREATE TABLE structure (i int)") && Can(**session, "DROP TABLE structure"))
      powers += "c";
    return powers;
  }
  std::vector<Grant> OfShop() const {
    const auto all = grants().List(ctx(), user_);
    EXPECT_OK(all);
    std::vector<Grant> of_shop;
    if (!all.ok()) return of_shop;
    std::copy_if(all->begin(), all->end(), std::back_inserter(of_shop),
                 [](const Grant& grant) { return grant.database == "shop"; });
    return of_shop;
  }

  std::unique_ptr<ClientSession> root_;
  UserId user_;
};

TEST_F(GrantContract, WithoutAGrantNobodyEnters) {
  EXPECT_FALSE(Enters());
  EXPECT_TRUE(OfShop().empty());
}

TEST_F(GrantContract, AReaderReadsWhatIsThereAndWhatComesLater) {
  ASSERT_OK(Give(PrivilegeSet::kReadOnly));
  EXPECT_EQ(Powers("early"), "r");
  ASSERT_OK(root_->Query("CREATE TABLE later (i int)"));
  EXPECT_EQ(Powers("later"), "r");
  ASSERT_OK(Give(PrivilegeSet::kReadOnly));  // what is granted is fine
  EXPECT_EQ(Powers("later"), "r");
}

TEST_F(GrantContract, AWriterReadsAndWritesWhatIsThereAndWhatComesLater) {
  ASSERT_OK(Give(PrivilegeSet::kReadWrite));
  EXPECT_EQ(Powers("early"), "rw");
  ASSERT_OK(root_->Query("CREATE TABLE later (i int)"));
  EXPECT_EQ(Powers("later"), "rw");
}

TEST_F(GrantContract, AllChangesTheStructureToo) {
  ASSERT_OK(Give(PrivilegeSet::kAll));
  EXPECT_EQ(Powers("early"), "rwc");
  ASSERT_OK(root_->Query("CREATE TABLE later (i int)"));
  EXPECT_EQ(Powers("later"), "rwc");
}

TEST_F(GrantContract, AReaderReadsWhatEveryCreatorMakesWhoeverWasGrantedFirst) {
  const UserId before = MakeUser("before");
  const UserId after = MakeUser("after");
  ASSERT_OK(grants().GrantTo(ctx(), before, GrantOf("shop", PrivilegeSet::kAll)));
  ASSERT_OK(Give(PrivilegeSet::kReadOnly));
  ASSERT_OK(grants().GrantTo(ctx(), after, GrantOf("shop", PrivilegeSet::kAll)));
  for (const UserId& creator : {before, after}) {
    ASSERT_OK_AND_ASSIGN(const auto session, LogIn(creator.name, kPassword, "shop"));
    ASSERT_OK(session->Query("CREATE TABLE of_" + creator.name + " (i int)"));
    EXPECT_EQ(Powers("of_" + creator.name), "r");
  }
}

TEST_F(GrantContract, RevokingTakesAllOfASetAway) {
  for (const PrivilegeSet set : traits().sets) {
    SCOPED_TRACE(static_cast<int>(set));
    ASSERT_OK(Give(set));
    ASSERT_TRUE(Enters());
    ASSERT_OK(Take(set));
    EXPECT_FALSE(Enters());
    EXPECT_TRUE(OfShop().empty());
    ASSERT_OK(Take(set));  // what is not granted is fine
  }
  ASSERT_OK(root_->Query("CREATE TABLE later (i int)"));
  EXPECT_TRUE(OfShop().empty());
}

TEST_F(GrantContract, AllTakesEveryOtherSetAwayToo) {
  ASSERT_OK(Give(PrivilegeSet::kReadOnly));
  ASSERT_OK(grants().GrantTo(ctx(), user_, GrantOf("shop", traits().write_privileges)));
  ASSERT_OK(Take(PrivilegeSet::kAll));
  EXPECT_FALSE(Enters());
  EXPECT_TRUE(OfShop().empty());
}

TEST_F(GrantContract, SetsAreRecognised) {
  for (const PrivilegeSet set : traits().sets) {
    SCOPED_TRACE(static_cast<int>(set));
    ASSERT_OK(Give(set));
    const std::vector<Grant> listed = OfShop();
    ASSERT_EQ(listed.size(), 1U);
    EXPECT_EQ(listed[0].set, set);
    EXPECT_EQ(listed[0].object, "");
    EXPECT_FALSE(listed[0].with_grant_option);
  }
}

TEST_F(GrantContract, ExplicitPrivilegesDoWhatTheySay) {
  ASSERT_OK(grants().GrantTo(ctx(), user_, GrantOf("shop", traits().read_privileges)));
  EXPECT_EQ(Powers("early"), "r");
  ASSERT_OK(grants().GrantTo(ctx(), user_, GrantOf("shop", traits().write_privileges)));
  {
    ASSERT_OK_AND_ASSIGN(const auto session, LogIn(user_.name, kPassword, "shop"));
    EXPECT_TRUE(Can(*session, "INSERT INTO early VALUES (5)"));
    EXPECT_FALSE(Can(*session, "DELETE FROM early"));
  }
  ASSERT_OK(grants().RevokeFrom(ctx(), user_, GrantOf("shop", traits().write_privileges)));
  EXPECT_EQ(Powers("early"), "r");
  std::vector<std::string> words;
  for (const Grant& grant : OfShop())
    words.insert(words.end(), grant.privileges.begin(), grant.privileges.end());
  std::sort(words.begin(), words.end());
  EXPECT_EQ(words, traits().read_privileges);
  ASSERT_OK(grants().RevokeFrom(ctx(), user_, GrantOf("shop", traits().read_privileges)));
  EXPECT_TRUE(OfShop().empty());
}

TEST_F(GrantContract, RefusesUnknownPrivilegesAndNamesTheKnown) {
  const Status refused = grants().GrantTo(ctx(), user_, GrantOf("shop", {"SELECT", "FLY; DROP"}));
  EXPECT_EQ(ReasonOf(refused), "PRIVILEGE_UNKNOWN");
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_NE(refused.hint().find("SELECT"), std::string::npos);
  EXPECT_EQ(ReasonOf(grants().RevokeFrom(ctx(), user_, GrantOf("shop", {"FLY"}))),
            "PRIVILEGE_UNKNOWN");
  EXPECT_TRUE(OfShop().empty());
}

TEST_F(GrantContract, TellsWhatIsMissingAndWhatIsReserved) {
  UserId nobody = user_;
  nobody.name = "nobody there";
  const Grant shop = GrantOf("shop", PrivilegeSet::kReadOnly);
  EXPECT_EQ(ReasonOf(grants().GrantTo(ctx(), nobody, shop)), "USER_NOT_FOUND");
  EXPECT_EQ(ReasonOf(grants().RevokeFrom(ctx(), nobody, shop)), "USER_NOT_FOUND");
  const Grant nowhere = GrantOf("nowhere", PrivilegeSet::kReadOnly);
  EXPECT_EQ(ReasonOf(grants().GrantTo(ctx(), user_, nowhere)), "DATABASE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(grants().RevokeFrom(ctx(), user_, nowhere)), "DATABASE_NOT_FOUND");
  for (const std::string& name : traits().reserved_databases) {
    EXPECT_EQ(ReasonOf(grants().GrantTo(ctx(), user_, GrantOf(name, PrivilegeSet::kAll))),
              "NAME_RESERVED");
  }
}

TEST_F(GrantContract, AGrantReachesNoDatabaseWithASimilarName) {
  MakeDatabase("a_b");
  MakeDatabase("axb");
  MakeDatabase("a%b");
  ASSERT_OK(grants().GrantTo(ctx(), user_, GrantOf("a_b", PrivilegeSet::kAll)));
  EXPECT_OK(LogIn(user_.name, kPassword, "a_b"));
  EXPECT_FALSE(LogIn(user_.name, kPassword, "axb").ok());
  ASSERT_OK(grants().GrantTo(ctx(), user_, GrantOf("a%b", PrivilegeSet::kAll)));
  EXPECT_OK(LogIn(user_.name, kPassword, "a%b"));
  EXPECT_FALSE(LogIn(user_.name, kPassword, "axb").ok());
  ASSERT_OK_AND_ASSIGN(const auto listed, grants().List(ctx(), user_));
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].database, "a%b");
  EXPECT_EQ(listed[1].database, "a_b");
}

TEST_F(GrantContract, GrantsOfSingleObjectsAreShownAsSuch) {
  ASSERT_OK(root_->Query("CREATE TABLE second (i int)"));
  const std::string grantee = Q(user_.name) + (traits().has_hosts ? "@'%'" : "");
  ASSERT_OK(root_->Query("GRANT SELECT ON early TO " + grantee));
  const std::vector<Grant> listed = OfShop();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_TRUE(listed[0].object.starts_with("table ")) << listed[0].object;
  EXPECT_TRUE(listed[0].object.ends_with("early")) << listed[0].object;
  EXPECT_EQ(listed[0].privileges, std::vector<std::string>{"SELECT"});
}

TEST_F(GrantContract, AGrantOptionIsGivenAndShown) {
  Grant grant = GrantOf("shop", PrivilegeSet::kReadOnly);
  grant.with_grant_option = true;
  ASSERT_OK(grants().GrantTo(ctx(), user_, grant));
  const std::vector<Grant> listed = OfShop();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_TRUE(listed[0].with_grant_option);
  ASSERT_OK(Take(PrivilegeSet::kReadOnly));
  ASSERT_OK(Take(PrivilegeSet::kAll));
  EXPECT_FALSE(Enters());
}

TEST_F(GrantContract, GrantsOfManyThreadsAllArrive) {
  constexpr int kUsers = 6;
  std::vector<UserId> many;
  for (int i = 0; i < kUsers; ++i) many.push_back(MakeUser("thread" + std::to_string(i)));
  std::vector<std::string> outcomes(kUsers);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kUsers; ++i) {
      threads.emplace_back([&, i] {
        outcomes[static_cast<std::size_t>(i)] = ReasonOf(grants().GrantTo(
            ctx(), many[static_cast<std::size_t>(i)], GrantOf("shop", PrivilegeSet::kReadWrite)));
      });
    }
  }
  for (const std::string& outcome : outcomes) EXPECT_EQ(outcome, "OK");
  for (const UserId& id : many) EXPECT_OK(LogIn(id.name, kPassword, "shop"));
}

}  // namespace
}  // namespace dbagent::tests
