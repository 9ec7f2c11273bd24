#include <gtest/gtest.h>

#include "datastores/mysql/load_order.h"

namespace dbagent::datastore::mysql {
namespace {

using Names = std::vector<std::string>;

TEST(MysqlLoadOrder, StaysAsItIsWithoutViews) {
  EXPECT_EQ(LoadOrder({"b", "a"}, {}), (Names{"b", "a"}));
}

TEST(MysqlLoadOrder, WhatViewsUseComesFirst) {
  EXPECT_EQ(LoadOrder({"a", "b", "c"}, {{"a", "select `c`.`t`.`n` from `c`.`t`"},
                                        {"c", "select `b`.`f`(1)"},
                                        {"c", "select 1 from `c`.`own`"}}),
            (Names{"b", "c", "a"}));
}

TEST(MysqlLoadOrder, NamesAreComparedAsTheServerQuotesThem) {
  EXPECT_EQ(LoadOrder({"a", "b`c", "c"}, {{"a", "select 1 from `b``c`.`t`"}}),
            (Names{"b`c", "a", "c"}));
  EXPECT_EQ(LoadOrder({"a", "b"}, {{"a", "select 1 from `ab`.`t`"}}), (Names{"a", "b"}));
}

TEST(MysqlLoadOrder, DatabasesThatNeedEachOtherAreAllThereOnce) {
  EXPECT_EQ(LoadOrder({"a", "b", "c"}, {{"a", "`b`.`t`"}, {"b", "`a`.`t`"}}),
            (Names{"b", "a", "c"}));
  EXPECT_EQ(LoadOrder({"a"}, {{"a", "`b`.`t`"}, {"x", "`a`.`t`"}}), (Names{"a"}));
}

}  // namespace
}  // namespace dbagent::datastore::mysql
