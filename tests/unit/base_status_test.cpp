#include <gtest/gtest.h>

#include "agent/base/redact.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "tests/support/status_matchers.h"

namespace dbagent {
namespace {

Status Missing() {
  return Error(Code::kNotFound, "DATABASE_NOT_FOUND", "no database '{}'", "shop")
      .WithHint("list them");
}

TEST(Status, KeepsTheInnermostHintAndJoinsTheCauses) {
  const Status outer =
      Error(Code::kInternal, "BACKUP_FAILED", "unable to back up").WithCause(Missing());
  EXPECT_EQ(outer.FullMessage(), "unable to back up: no database 'shop'");
  EXPECT_EQ(outer.hint(), "list them");
  EXPECT_EQ(outer.ToString(),
            "INTERNAL BACKUP_FAILED: unable to back up: no database 'shop' (hint: list them)");
}

TEST(Status, WrapKeepsReasonAndCode) {
  const Status wrapped = Missing().Wrap("unable to drop database 'shop'");
  EXPECT_EQ(wrapped.code(), Code::kNotFound);
  EXPECT_EQ(wrapped.reason(), "DATABASE_NOT_FOUND");
  EXPECT_EQ(wrapped.message(), "unable to drop database 'shop': no database 'shop'");
}

#ifdef DBAGENT_CHECKED
TEST(StatusDeathTest, AbortsWhenNobodyLookedAtIt) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH({ const Status dropped = Missing(); },
               "dropped unread: NOT_FOUND DATABASE_NOT_FOUND");
}
#endif

TEST(Result, CarriesAValueOrAnError) {
  const auto half = [](int n) -> Result<int> {
    if (n % 2 != 0) return Error(Code::kInvalidArgument, "ODD", "{} is odd", n);
    return n / 2;
  };
  ASSERT_OK_AND_ASSIGN(const int two, half(4));
  EXPECT_EQ(two, 2);
  EXPECT_EQ(tests::ReasonOf(half(3)), "ODD");
}

TEST(Redact, TakesLivingSecretsOutOfForeignTexts) {
  const Secret secret("pa'ss\\word");
  EXPECT_EQ(Redact("near pa'ss\\word at"), "near [secret] at");
  EXPECT_EQ(Redact("near pa''ss\\word at"), "near [secret] at");
  EXPECT_EQ(Redact("near pa\\'ss\\\\word at"), "near [secret] at");
}

TEST(Redact, TakesPasswordLiteralsAndUrlPasswordsOut) {
  EXPECT_EQ(Redact("syntax near 'x' in: ALTER USER a IDENTIFIED BY 'forgotten''s' more"),
            "syntax near 'x' in: ALTER USER a IDENTIFIED BY '[secret]''s' more");
  EXPECT_EQ(Redact("GET http://bob:hunter2@host/path"), "GET http://bob:[secret]@host/path");
}

TEST(Redact, ForgetsASecretThatIsGone) {
  { const Secret secret("short-lived"); }
  EXPECT_EQ(Redact("short-lived"), "short-lived");
}

}  // namespace
}  // namespace dbagent
