#include <gtest/gtest.h>

#include "datastores/user_text.h"
#include "tests/contract/text_streams.h"
#include "tests/support/status_matchers.h"

namespace dbagent::datastore {
namespace {

using Part = LoadUsersSpec::Part;
using tests::TextSource;

const std::vector<UserStatement> kStatements = {
    {Part::kAccounts, {"alice", "%"}, "CREATE USER alice"},
    {Part::kAccounts, {"", "a"}, "CREATE USER ''"},
    {Part::kRights, {"alice", "%"}, "COMMENT 'two\n-- 0 account 00 00\nlines;'"}};

TEST(UserText, ReadsWhatItWroteWhateverStandsInAStatement) {
  TextSource source(WriteUserText(kStatements));
  ASSERT_OK_AND_ASSIGN(const std::vector<UserStatement> read, ReadUserText({}, source));
  ASSERT_EQ(read.size(), kStatements.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].part, kStatements[i].part);
    EXPECT_EQ(read[i].id, kStatements[i].id);
    EXPECT_EQ(read[i].sql, kStatements[i].sql);
  }
}

TEST(UserText, RefusesEveryCutOfIt) {
  const std::string text = WriteUserText(kStatements);
  for (std::size_t keep = 0; keep < text.size(); ++keep) {
    TextSource source(std::string_view(text).substr(0, keep));
    EXPECT_EQ(tests::ReasonOf(ReadUserText({}, source)), "CORRUPT_DUMP") << keep;
  }
}

TEST(UserText, GivesRightsOnlyToThoseThatWereMade) {
  std::vector<std::string> run;
  LoadUsersSpec spec;
  spec.before_account = [&](const UserId& id) {
    spec.made.push_back(id);
    return Ok();
  };
  const UserTextActions actions{[](const UserId& id) -> Result<bool> { return id.name.empty(); },
                                [&](const UserStatement& statement) {
                                  run.push_back(statement.sql);
                                  return Ok();
                                }};
  TextSource accounts(WriteUserText(kStatements));
  ASSERT_OK(LoadUserText({}, spec, accounts, actions));
  EXPECT_EQ(run, std::vector<std::string>{"CREATE USER alice"});
  run.clear();
  spec.made = {{"bob", "%"}};
  spec.part = Part::kRights;
  TextSource rights(WriteUserText(kStatements));
  ASSERT_OK(LoadUserText({}, spec, rights, actions));
  EXPECT_TRUE(run.empty());
}

}  // namespace
}  // namespace dbagent::datastore
