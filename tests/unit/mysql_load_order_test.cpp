#include <gtest/gtest.h>

#include "datastores/mysql/load_order.h"

namespace dbagent::datastore::mysql {
namespace {

using Names = std::vector<std::string>;

TEST(MysqlLoadOrder, StaysAsItIsWithoutViews) {
  EXPECT_EQ(LoadOrder({"b", "a"}, {}).databases, (Names{"b", "a"}));
  EXPECT_FALSE(LoadOrder({"b", "a"}, {{"a", "`a`.`t`"}}).one_by_one);
  EXPECT_TRUE(LoadOrder({"b", "a"}, {{"a", "`b`.`t`"}}).one_by_one);
}

TEST(MysqlLoadOrder, WhatViewsUseComesFirst) {
  EXPECT_EQ(LoadOrder({"a", "b", "c"}, {{"a", "select `c`.`t`.`n` from `c`.`t`"},
                                        {"c", "select `b`.`f`(1)"},
                                        {"c", "select 1 from `c`.`own`"}})
                .databases,
            (Names{"b", "c", "a"}));
}

TEST(MysqlLoadOrder, NamesAreComparedAsTheServerQuotesThem) {
  EXPECT_EQ(LoadOrder({"a", "b`c", "c"}, {{"a", "select 1 from `b``c`.`t`"}}).databases,
            (Names{"b`c", "a", "c"}));
  EXPECT_EQ(LoadOrder({"a", "b"}, {{"a", "select 1 from `ab`.`t`"}}).databases, (Names{"a", "b"}));
}

TEST(MysqlLoadOrder, DatabasesThatNeedEachOtherAreAllThereOnce) {
  EXPECT_EQ(LoadOrder({"a", "b", "c"}, {{"a", "`b`.`t`"}, {"b", "`a`.`t`"}}).databases,
            (Names{"b", "a", "c"}));
  EXPECT_EQ(LoadOrder({"a"}, {{"a", "`b`.`t`"}, {"x", "`a`.`t`"}}).databases, (Names{"a"}));
}

}  // namespace
}  // namespace dbagent::datastore::mysql
