#include "tests/contract/contract_test.h"

namespace dbagent::tests {
namespace {

class RootContract : public ContractTest {
 protected:
  void TearDown() override {
    EXPECT_OK(root().Disable(ctx()));
    ContractTest::TearDown();
  }
  datastore::RootAdmin& root() const { return *store().root(); }
  bool IsEnabled() const {
    const auto state = root().State(ctx());
    EXPECT_OK(state);
    return state.ok() && state->enabled;
  }
};

TEST_F(RootContract, IsDisabledUntilItIsEnabled) {
  EXPECT_FALSE(IsEnabled());
  EXPECT_FALSE(LogIn("root", "").ok());
  ASSERT_OK_AND_ASSIGN(const auto state, root().Enable(ctx(), Secret("r'oot \\ 1")));
  EXPECT_TRUE(state.enabled);
  EXPECT_EQ(state.id.name, "root");
  EXPECT_TRUE(IsEnabled());
  ASSERT_OK_AND_ASSIGN(const auto session, LogIn("root", "r'oot \\ 1"));
  EXPECT_TRUE(Can(*session, "CREATE DATABASE made_by_root"));
  EXPECT_TRUE(Can(*session, "DROP DATABASE made_by_root"));
}

TEST_F(RootContract, EnablingAgainSetsTheNewPassword) {
  ASSERT_OK(root().Enable(ctx(), Secret("one")));
  ASSERT_OK(root().Enable(ctx(), Secret("two")));
  EXPECT_FALSE(LogIn("root", "one").ok());
  EXPECT_TRUE(LogIn("root", "two").ok());
}

TEST_F(RootContract, DisablingEndsSessionsAndTakesEverythingAway) {
  MakeDatabase("shop");
  ASSERT_OK(root().Enable(ctx(), Secret("one")));
  ASSERT_OK_AND_ASSIGN(const auto session, LogIn("root", "one", "shop"));
  ASSERT_OK(session->Query("CREATE TABLE of_root (i int)"));
  ASSERT_OK_AND_ASSIGN(const auto state, root().Disable(ctx()));
  EXPECT_FALSE(state.enabled);
  EXPECT_FALSE(IsEnabled());
  EXPECT_FALSE(Can(*session, "SELECT 1"));
  EXPECT_FALSE(LogIn("root", "one").ok());
  ASSERT_OK(root().Disable(ctx()));
  EXPECT_FALSE(IsEnabled());
  ASSERT_OK(root().Enable(ctx(), Secret("again")));  // what it made is still there
  ASSERT_OK_AND_ASSIGN(const auto next, LogIn("root", "again", "shop"));
  EXPECT_TRUE(Can(*next, "SELECT * FROM of_root"));
}

TEST_F(RootContract, AnEnabledRootIsNotListed) {
  ASSERT_OK(root().Enable(ctx(), Secret("one")));
  for (const std::string& name : UserNames()) EXPECT_NE(name, "root");
}

TEST_F(RootContract, RefusesPasswordsThatCannotBe) {
  EXPECT_EQ(ReasonOf(root().Enable(ctx(), Secret(std::string_view("a\0b", 3)))),
            "PASSWORD_INVALID");
  EXPECT_FALSE(IsEnabled());
}

}  // namespace
}  // namespace dbagent::tests
