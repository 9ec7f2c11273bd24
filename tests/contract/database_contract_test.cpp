#include <algorithm>

#include "tests/contract/contract_test.h"

namespace dbagent::tests {
namespace {

class DatabaseContract : public ContractTest {
 protected:
  bool IsListed(const std::string& name) const {
    const std::vector<std::string> names = DatabaseNames();
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  static DatabaseSpec Named(const std::string& name) {
    DatabaseSpec spec;
    spec.name = name;
    return spec;
  }
};

TEST_F(DatabaseContract, MakesListsGetsAndDropsADatabase) {
  ASSERT_OK_AND_ASSIGN(const DatabaseInfo made, databases().Create(ctx(), Named(Database("shop"))));
  EXPECT_EQ(made.name, "shop");
  EXPECT_FALSE(made.character_set.empty());
  EXPECT_FALSE(made.collation.empty());
  EXPECT_FALSE(made.size_bytes.has_value());
  EXPECT_TRUE(IsListed("shop"));
  ASSERT_OK_AND_ASSIGN(const DatabaseInfo got, databases().Get(ctx(), "shop"));
  EXPECT_EQ(got.character_set, made.character_set);
  ASSERT_OK_AND_ASSIGN(const bool was_there, databases().Drop(ctx(), "shop"));
  EXPECT_TRUE(was_there);
  EXPECT_FALSE(IsListed("shop"));
  ASSERT_OK_AND_ASSIGN(const bool again, databases().Drop(ctx(), "shop"));
  EXPECT_FALSE(again);
}

TEST_F(DatabaseContract, TakesNamesThatNeedQuoting) {
  for (const std::string name :
       {"it's", "a\"b", "a`b", "back\\slash", "Ünïcödé", "日本語", "with space",
        "x; DROP DATABASE x--", "%s%n$1", "-rf", "a/b", "{database}", "$(id)", "'; --", "SELECT",
        "UPPER", "upper", "tab\there"}) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const DatabaseInfo made, databases().Create(ctx(), Named(Database(name))));
    EXPECT_EQ(made.name, name);
    EXPECT_TRUE(IsListed(name));
  }
}

TEST_F(DatabaseContract, TakesAnEmojiOrRefusesItBeforeTheServerSpoilsIt) {
  const std::string name = "🐘x";
  const auto made = databases().Create(ctx(), Named(name));
  EXPECT_EQ(ReasonOf(made), traits().holds_emoji ? "OK" : "NAME_INVALID");
  EXPECT_EQ(IsListed(name), traits().holds_emoji);
  EXPECT_EQ(ReasonOf(databases().Drop(ctx(), name)), traits().holds_emoji ? "OK" : "NAME_INVALID");
}

TEST_F(DatabaseContract, TakesTheLongestNameAndRefusesOneMore) {
  const std::string longest = traits().longest_database;
  ASSERT_OK_AND_ASSIGN(const DatabaseInfo made,
                       databases().Create(ctx(), Named(Database(longest))));
  EXPECT_EQ(made.name, longest);
  const auto more = databases().Create(ctx(), Named(longest + "x"));
  EXPECT_EQ(ReasonOf(more), "NAME_INVALID");
  EXPECT_EQ(more.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(ReasonOf(databases().Drop(ctx(), longest + "x")), "NAME_INVALID");
  EXPECT_TRUE(IsListed(longest));
}

TEST_F(DatabaseContract, RefusesNamesThatNoServerHolds) {
  for (const std::string& name : {std::string(), std::string("a\0b", 3), std::string("bad\xff"),
                                  std::string("\xed\xa0\x80")}) {
    EXPECT_EQ(ReasonOf(databases().Check(Named(name))), "NAME_INVALID");
    EXPECT_EQ(ReasonOf(databases().Create(ctx(), Named(name))), "NAME_INVALID");
    EXPECT_EQ(ReasonOf(databases().Get(ctx(), name)), "NAME_INVALID");
    EXPECT_EQ(ReasonOf(databases().Drop(ctx(), name)), "NAME_INVALID");
  }
}

TEST_F(DatabaseContract, KeepsReservedDatabasesOutOfReach) {
  for (const std::string& name : traits().reserved_databases) {
    SCOPED_TRACE(name);
    EXPECT_EQ(ReasonOf(databases().Check(Named(name))), "NAME_RESERVED");
    EXPECT_EQ(databases().Check(Named(name)).code(), Code::kPermissionDenied);
    EXPECT_EQ(ReasonOf(databases().Create(ctx(), Named(name))), "NAME_RESERVED");
    EXPECT_EQ(ReasonOf(databases().Get(ctx(), name)), "NAME_RESERVED");
    EXPECT_EQ(ReasonOf(databases().Drop(ctx(), name)), "NAME_RESERVED");
    DatabaseChange change;
    change.name = name;
    EXPECT_EQ(ReasonOf(databases().Update(ctx(), change)), "NAME_RESERVED");
    EXPECT_FALSE(IsListed(name));
  }
}

TEST_F(DatabaseContract, TellsWhatExistsAndWhatIsMissing) {
  MakeDatabase("here");
  const auto again = databases().Create(ctx(), Named("here"));
  EXPECT_EQ(ReasonOf(again), "DATABASE_EXISTS");
  EXPECT_EQ(again.status().code(), Code::kAlreadyExists);
  const auto missing = databases().Get(ctx(), "nowhere");
  EXPECT_EQ(ReasonOf(missing), "DATABASE_NOT_FOUND");
  EXPECT_EQ(missing.status().code(), Code::kNotFound);
  DatabaseChange change;
  change.name = "nowhere";
  EXPECT_EQ(ReasonOf(databases().Update(ctx(), change)), "DATABASE_NOT_FOUND");
}

TEST_F(DatabaseContract, KeepsCharacterSetAndCollation) {
  DatabaseSpec spec = Named(Database("western"));
  spec.character_set = traits().character_set;
  spec.collation = traits().collation;
  ASSERT_OK_AND_ASSIGN(const DatabaseInfo made, databases().Create(ctx(), spec));
  EXPECT_EQ(made.character_set, traits().character_set);
  EXPECT_EQ(made.collation, traits().collation);
}

TEST_F(DatabaseContract, RefusesUnknownCharacterSetsAndCollations) {
  DatabaseSpec spec = Named(Database("never"));
  spec.character_set = "klingon'";
  EXPECT_EQ(ReasonOf(databases().Create(ctx(), spec)), "CHARACTER_SET_UNKNOWN");
  spec.character_set.clear();
  spec.collation = "xx_YY'";
  EXPECT_EQ(ReasonOf(databases().Create(ctx(), spec)), "COLLATION_UNKNOWN");
  EXPECT_FALSE(IsListed("never"));
}

TEST_F(DatabaseContract, ChangesWhatTheServerCanChange) {
  MakeDatabase("changing");
  DatabaseChange change;
  change.name = "changing";
  change.character_set = traits().character_set;
  change.collation = traits().collation;
  const auto changed = databases().Update(ctx(), change);
  EXPECT_EQ(ReasonOf(changed), traits().changes_charset ? "OK" : "FIELD_UNSUPPORTED");
  if (changed.ok()) {
    EXPECT_EQ(changed->collation, traits().collation);
  }
}

TEST_F(DatabaseContract, HasOwnersAndLimitsWhereTheServerHas) {
  const UserId owner = MakeUser("owner \"one\"");
  DatabaseSpec spec = Named(Database("owned"));
  spec.owner = owner.name;
  spec.connection_limit = 7;
  if (!traits().has_owner) {
    EXPECT_EQ(ReasonOf(databases().Check(spec)), "FIELD_UNSUPPORTED");
    EXPECT_EQ(ReasonOf(databases().Create(ctx(), spec)), "FIELD_UNSUPPORTED");
    return;
  }
  ASSERT_OK_AND_ASSIGN(const DatabaseInfo made, databases().Create(ctx(), spec));
  EXPECT_EQ(made.owner, owner.name);
  EXPECT_EQ(made.connection_limit, 7);
  ASSERT_OK_AND_ASSIGN(const auto session, LogIn(owner.name, "pa ss'word", "owned"));
  EXPECT_TRUE(Can(*session, "CREATE TABLE mine (i int)"));
  DatabaseChange change;
  change.name = "owned";
  change.owner = MakeUser("second").name;
  change.connection_limit = -1;
  ASSERT_OK_AND_ASSIGN(const DatabaseInfo changed, databases().Update(ctx(), change));
  EXPECT_EQ(changed.owner, "second");
  EXPECT_EQ(changed.connection_limit, -1);
  change.owner = "nobody there";
  EXPECT_EQ(ReasonOf(databases().Update(ctx(), change)), "USER_NOT_FOUND");
  spec = Named("unowned");
  spec.owner = "nobody there";
  EXPECT_EQ(ReasonOf(databases().Create(ctx(), spec)), "USER_NOT_FOUND");
}

TEST_F(DatabaseContract, PagesBytewise) {
  const std::vector<std::string> names = {"p1", "p10", "p2", "pB", "pa", "pä"};  // as bytes sort
  for (const std::string& name : names) MakeDatabase(name);
  std::vector<std::string> seen;
  std::optional<std::string> after = "p";  // need not exist
  for (bool more = true; more && seen.size() < 100;) {
    ASSERT_OK_AND_ASSIGN(const auto page, databases().List(ctx(), {2, after}, false));
    ASSERT_LE(page.items.size(), 2U);
    for (const DatabaseInfo& info : page.items) seen.push_back(info.name);
    more = page.more;
    if (!page.items.empty()) after = page.items.back().name;
  }
  EXPECT_EQ(seen, names);
  ASSERT_OK_AND_ASSIGN(const auto exact, databases().List(ctx(), {6, std::string("p")}, false));
  EXPECT_EQ(exact.items.size(), 6U);
  EXPECT_FALSE(exact.more);
  ASSERT_OK_AND_ASSIGN(const auto beyond,
                       databases().List(ctx(), {6, std::string("\xff\x00'", 3)}, false));
  EXPECT_TRUE(beyond.items.empty());
}

TEST_F(DatabaseContract, TellsTheSizeOnlyWhenAsked) {
  MakeDatabase("sized");
  ASSERT_OK_AND_ASSIGN(const auto without,
                       databases().List(ctx(), {1, std::string("size")}, false));
  EXPECT_FALSE(without.items.at(0).size_bytes.has_value());
  ASSERT_OK_AND_ASSIGN(const auto with, databases().List(ctx(), {1, std::string("size")}, true));
  EXPECT_TRUE(with.items.at(0).size_bytes.has_value());
}

TEST_F(DatabaseContract, DropsADatabaseThatHasSessions) {
  MakeDatabase("busy");
  const UserId user = MakeUser("visitor");
  ASSERT_OK(grants().GrantTo(ctx(), user, GrantOf("busy", PrivilegeSet::kAll)));
  ASSERT_OK_AND_ASSIGN(const auto session, LogIn(user.name, "pa ss'word", "busy"));
  ASSERT_OK(session->Query("SELECT 1"));
  ASSERT_OK_AND_ASSIGN(const bool was_there, databases().Drop(ctx(), "busy"));
  EXPECT_TRUE(was_there);
  EXPECT_FALSE(IsListed("busy"));
}

TEST_F(DatabaseContract, DoesNothingForACallThatIsCancelledOrOutOfTime) {
  const auto stop = std::make_shared<StopSwitch>();
  stop->RequestStop(StopReason::kCancelled);
  const OpContext cancelled(stop, Deadline::Never(), "", nullptr);
  EXPECT_EQ(ReasonOf(databases().Create(cancelled, Named(Database("late")))), "CANCELLED");
  EXPECT_EQ(ReasonOf(databases().Create(OpContext().WithBudget(std::chrono::milliseconds(0)),
                                        Named("late"))),
            "DEADLINE_EXCEEDED");
  EXPECT_FALSE(IsListed("late"));
}

}  // namespace
}  // namespace dbagent::tests
