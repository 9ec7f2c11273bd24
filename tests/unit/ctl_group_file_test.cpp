#include <gtest/gtest.h>

#include "agent/ctl/group_file.h"
#include "tests/support/status_matchers.h"

namespace dbagent::ctl {
namespace {

TEST(GroupFile, ReadsLinesCommentsAndQuotes) {
  const auto group = ParseGroup(
      "# mine\n\n  max_connections = 200  # plenty\r\nwork_mem=8MB\n; old\nsearch_path = "
      "'\"$user\", "
      "public'\nempty =\nq = 'it''s'\nhash = \"a # b\" # c\n");
  ASSERT_OK(group);
  const Group expected = {{"max_connections", "200"},
                          {"work_mem", "8MB"},
                          {"search_path", "\"$user\", public"},
                          {"empty", ""},
                          {"q", "it's"},
                          {"hash", "a # b"}};
  EXPECT_EQ(*group, expected);
}

TEST(GroupFile, SaysWhichLineIsWrong) {
  for (const char* bad :
       {"a = 1\njust words", "a = 1\n = 2", "a = 1\na = 2", "a = 1\nb = 'x", "a = 1\nb = 'x' y"}) {
    const auto group = ParseGroup(bad);
    ASSERT_FALSE(group.ok()) << bad;
    EXPECT_EQ(group.status().reason(), "USAGE");
    EXPECT_TRUE(group.status().message().starts_with("line 2 ")) << group.status().message();
  }
}

TEST(GroupFile, WhatIsShownReadsBackAsTheSame) {
  const Group group = {{"a", ""}, {"b", " x "}, {"c", "it's # \"so\""}, {"d", "plain, list"}};
  const auto back = ParseGroup(ShowGroup(group));
  ASSERT_OK(back);
  EXPECT_EQ(*back, group);
}

}  // namespace
}  // namespace dbagent::ctl
