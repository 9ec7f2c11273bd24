#include <gtest/gtest.h>

#include "datastores/mysql/definer_filter.h"

namespace dbagent::datastore::mysql {
namespace {

// What comes out when the text goes in in pieces of `size` bytes.
std::string Filtered(std::string_view text, std::size_t size) {
  DefinerFilter filter(std::set<AccountName>{{"here", "%"}, {"q`uote", "localhost"}});
  filter.Replace({"agent", "localhost"});
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size())))
    out += filter.Pass(text.substr(0, size));
  return out + filter.Finish();
}

TEST(MysqlDefinerFilter, ReplacesAccountsThatDoNotExistHoweverTheTextIsCut) {
  const std::string text =
      "-- CREATE DEFINER=`gone`@`%`\n"
      "CREATE DEFINER=`gone`@`%` FUNCTION f() RETURNS int RETURN 1 ;;\n"
      "CREATE DEFINER=`here`@`%` PROCEDURE p()\n"
      "/*!50013 DEFINER=`go``ne`@`10.%` SQL SECURITY DEFINER */\n"
      "/*!50013 DEFINER=`q``uote`@`localhost` SQL SECURITY DEFINER */\n"
      "/*!50003 CREATE*/ /*!50017 DEFINER=`gone`@`%`*/ /*!50003 TRIGGER t\n"
      "/*!50106 CREATE*/ /*!50117 DEFINER=`gone`@`%`*/ /*!50106 EVENT e\n"
      "INSERT INTO t VALUES ('CREATE DEFINER=`gone`@`%`');\n"
      "CREATE DEFINER=broken\n"
      "CREATE TABLE x (a int);\n"
      "CREATE DEF";
  const std::string expected =
      "-- CREATE DEFINER=`gone`@`%`\n"
      "CREATE DEFINER=`agent`@`localhost` FUNCTION f() RETURNS int RETURN 1 ;;\n"
      "CREATE DEFINER=`here`@`%` PROCEDURE p()\n"
      "/*!50013 DEFINER=`agent`@`localhost` SQL SECURITY DEFINER */\n"
      "/*!50013 DEFINER=`q``uote`@`localhost` SQL SECURITY DEFINER */\n"
      "/*!50003 CREATE*/ /*!50017 DEFINER=`agent`@`localhost`*/ /*!50003 TRIGGER t\n"
      "/*!50106 CREATE*/ /*!50117 DEFINER=`agent`@`localhost`*/ /*!50106 EVENT e\n"
      "INSERT INTO t VALUES ('CREATE DEFINER=`gone`@`%`');\n"
      "CREATE DEFINER=broken\n"
      "CREATE TABLE x (a int);\n"
      "CREATE DEF";
  for (std::size_t size = 1; size < 80; ++size) EXPECT_EQ(Filtered(text, size), expected) << size;
}

TEST(MysqlDefinerFilter, ReportsAccountsThatDoNotExistOnceWhenNothingReplacesThem) {
  DefinerFilter filter(std::set<AccountName>{{"here", "%"}});
  const std::string text =
      "CREATE DEFINER=`gone`@`%` FUNCTION f() RETURNS int RETURN 1 ;;\n"
      "CREATE DEFINER=`here`@`%` PROCEDURE p()\n"
      "CREATE DEFINER=`gone`@`%` PROCEDURE q()\n";
  EXPECT_EQ(filter.Pass(text), text);
  EXPECT_EQ(filter.TakeMissing(), (std::vector<AccountName>{{"gone", "%"}}));
  EXPECT_TRUE(filter.TakeMissing().empty());
}

}  // namespace
}  // namespace dbagent::datastore::mysql
