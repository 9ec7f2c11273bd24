#include <gtest/gtest.h>

#include "agent/base/url.h"
#include "tests/support/status_matchers.h"

namespace dbagent {
namespace {

using tests::ReasonOf;

TEST(Url, EncodesEverythingButTheUnreserved) {
  EXPECT_EQ(PercentEncode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(PercentEncode("a b+c=d/e:%é"), "a%20b%2Bc%3Dd%2Fe%3A%25%C3%A9");
  EXPECT_EQ(PercentEncode("a/b=c", true), "a/b%3Dc");
  EXPECT_EQ(PercentEncode(std::string_view("\0\xff", 2)), "%00%FF");
}

TEST(Url, DecodesWhatIsAnEscapeAndKeepsTheRest) {
  EXPECT_EQ(PercentDecode("a%20b%2fc+d%"), "a b/c+d%");
  EXPECT_EQ(PercentDecode("%zz%4"), "%zz%4");
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  EXPECT_EQ(PercentDecode(PercentEncode(every)), every);
}

TEST(Url, SortsAQueryAndKeepsTheEqualsSignOfWhatIsEmpty) {
  EXPECT_EQ(CanonicalQuery({{"prefix", "a/b"}, {"delimiter", "/"}, {"acl", ""}}),
            "acl=&delimiter=%2F&prefix=a%2Fb");
  EXPECT_EQ(CanonicalQuery({{"a", "2"}, {"a", "1"}, {"a-b", "c d"}}), "a=1&a=2&a-b=c%20d");
  EXPECT_EQ(CanonicalQuery({}), "");
}

TEST(Url, ReadsAnOriginAsSettingsHaveIt) {
  ASSERT_OK_AND_ASSIGN(const Origin plain, ParseOrigin("https://S3.Example"));
  EXPECT_EQ(plain.authority(), "s3.example");
  EXPECT_EQ(plain.authority("bucket"), "bucket.s3.example");
  EXPECT_EQ(plain.path, "");
  ASSERT_OK_AND_ASSIGN(const Origin path, ParseOrigin("http://10.0.0.1:8080/a/b//"));
  EXPECT_EQ(path.authority(), "10.0.0.1:8080");
  EXPECT_EQ(path.path, "/a/b");
  EXPECT_TRUE(path.numeric());
  ASSERT_OK_AND_ASSIGN(const Origin six, ParseOrigin("https://[fe80::1]:443/"));
  EXPECT_EQ(six.authority(), "[fe80::1]");
  EXPECT_TRUE(six.numeric());
  ASSERT_OK_AND_ASSIGN(const Origin odd_port, ParseOrigin("https://h:80"));
  EXPECT_EQ(odd_port.authority(), "h:80");
}

TEST(Url, RefusesWhatIsNoOriginAndDoesNotRepeatAPassword) {
  for (const char* url :
       {"", "host", "ftp://h", "https://", "https://h:0", "https://h:65536", "https://h:x",
        "https://[::1", "https://[h]", "https://[::1]8080", "https://h/?q=1", "https://h/#f",
        "https://a b", "https://h\n", "https://ho_st:1:2", "https://%41"})
    EXPECT_EQ(ReasonOf(ParseOrigin(url)), "VALUE_INVALID") << url;
  const Result<Origin> with_password = ParseOrigin("https://user:hunter2@h");
  ASSERT_FALSE(with_password.ok());
  EXPECT_EQ(with_password.status().ToString().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace dbagent
