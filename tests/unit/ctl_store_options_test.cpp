#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/ctl/store_options.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::ctl {
namespace {

using tests::ReasonOf;

TEST(StoreOptions, CredentialsAreTextsOfAJsonObject) {
  ASSERT_OK_AND_ASSIGN(
      const v1::StoreCredentials s3,
      ParseCredentials(R"({"access_key": "ID", "secret_key": "hunter2"})", "the test"));
  EXPECT_EQ(s3.s3().access_key(), "ID");
  EXPECT_EQ(s3.s3().secret_key(), "hunter2");
  ASSERT_OK_AND_ASSIGN(const v1::StoreCredentials swift,
                       ParseCredentials(R"({"secret": "hunter2"})", "the test"));
  EXPECT_EQ(swift.swift().secret(), "hunter2");
}

TEST(StoreOptions, WhatIsWrongWithCredentialsIsToldWithoutThem) {
  for (const char* text : {R"({"secret" "hunter2"})", R"({"secrets": "hunter2"})",
                           R"({"secret": ["hunter2"]})", "hunter2", "{}"}) {
    const auto read = ParseCredentials(text, "the test");
    ASSERT_EQ(ReasonOf(read), "USAGE") << text;
    EXPECT_EQ(read.status().ToString().find("hunter2"), std::string::npos)
        << read.status().ToString();
  }
}

TEST(StoreOptions, ACredentialsFileThatOthersMayReadIsRefused) {
  const tests::TempDir directory;
  const std::string file = directory / "credentials";
  std::ofstream(file) << R"({"secret": "hunter2"})";
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  const auto refused = ReadCredentials(file);
  ASSERT_EQ(ReasonOf(refused), "USAGE");
  EXPECT_NE(refused.status().hint().find("chmod 0600"), std::string::npos);
  ASSERT_EQ(chmod(file.c_str(), 0600), 0);
  EXPECT_OK(ReadCredentials(file));
}

TEST(StoreOptions, ATargetHasNoCredentialsInItsFile) {
  const tests::TempDir directory;
  const std::string file = directory / "target";
  std::ofstream(file) << R"({"s3": {"endpoint": "https://h", "bucket": "b"}, "prefix": "p"})";
  ASSERT_OK_AND_ASSIGN(const v1::StoreTarget target, ReadTarget(file));
  EXPECT_EQ(target.s3().bucket(), "b");
  std::ofstream(file) << R"({"credentials": {"s3": {"secret_key": "aHVudGVyMg=="}}})";
  const auto refused = ReadTarget(file);
  EXPECT_EQ(ReasonOf(refused), "USAGE");
  EXPECT_EQ(refused.status().ToString().find("aHVudGVyMg"), std::string::npos);
}

}  // namespace
}  // namespace dbagent::ctl
