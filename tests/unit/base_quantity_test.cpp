#include <gtest/gtest.h>

#include "agent/base/quantity.h"

namespace dbagent {
namespace {

std::string In(std::string_view text, std::string_view unit) {
  const std::optional<WideInteger> number = ParseQuantity(text, unit);
  return number ? ToText(*number) : "none";
}

TEST(Quantity, CountsSizesInAnyUnit) {
  EXPECT_EQ(In("2GB", "8kB"), "262144");
  EXPECT_EQ(In("2 GiB", "8kB"), "262144");
  EXPECT_EQ(In("2g", "B"), "2147483648");
  EXPECT_EQ(In("512M", ""), "536870912");
  EXPECT_EQ(In("1.5GB", "MB"), "1536");
  EXPECT_EQ(In("16384", "8kB"), "16384");
  EXPECT_EQ(In("16EB", "B"), "18446744073709551616");
}

TEST(Quantity, CountsTimes) {
  EXPECT_EQ(In("30s", "ms"), "30000");
  EXPECT_EQ(In("1500us", "ms"), "2");  // to the nearest
  EXPECT_EQ(In("2h", "min"), "120");
  EXPECT_EQ(In("1d", "s"), "86400");
  EXPECT_EQ(In("-1", "ms"), "-1");
  EXPECT_EQ(In("0.5min", "s"), "30");
}

TEST(Quantity, RefusesWhatIsNoNumberOfTheUnit) {
  for (const char* text : {"", " ", "abc", "1x", "GB", "1GB2", "1..5GB", "1.GB", "--1", "1e3",
                           "0x10", "99999999999999999999999", "32EB"})
    EXPECT_EQ(In(text, "B"), "none") << text;
  EXPECT_EQ(In("30s", "B"), "none");
  EXPECT_EQ(In("30s", ""), "none");
  EXPECT_EQ(In("2GB", "ms"), "none");
  EXPECT_EQ(In("1.5", ""), "none");
}

TEST(Quantity, IsShownInTheLargestWholeUnit) {
  EXPECT_EQ(ShowQuantity("16384", "8kB"), "128MB");
  EXPECT_EQ(ShowQuantity("1073741824", "B"), "1GB");
  EXPECT_EQ(ShowQuantity("1000", "B"), "1000B");
  EXPECT_EQ(ShowQuantity("90", "s"), "90s");
  EXPECT_EQ(ShowQuantity("300", "s"), "5min");
  EXPECT_EQ(ShowQuantity("30000", "ms"), "30s");
  EXPECT_EQ(ShowQuantity("0", "ms"), "0");
  EXPECT_EQ(ShowQuantity("-1", "kB"), "-1");
  EXPECT_EQ(ShowQuantity("200", ""), "200");
  EXPECT_EQ(ShowQuantity("text", "B"), "text");
}

TEST(Quantity, WhatIsShownReadsBackAsTheSame) {
  for (const char* unit : {"B", "kB", "8kB", "MB", "us", "ms", "s", "min"}) {
    for (const char* number : {"1", "7", "60", "1024", "131072", "86400000"})
      EXPECT_EQ(In(ShowQuantity(number, unit), unit), number) << unit;
  }
}

}  // namespace
}  // namespace dbagent
