// The examples of "Authenticating Requests: Using the Authorization Header (AWS Signature Version
// 4)", Amazon S3 API Reference.
#include <gtest/gtest.h>

#include "agent/base/bytes.h"
#include "agent/storage/s3_signature.h"
#include "agent/stream/sha256.h"

namespace dbagent::storage {
namespace {

constexpr const char* kAccessKey = "AKIAIOSFODNN7EXAMPLE";
constexpr const char* kSecretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

SignatureInput Example(const std::string& method, const std::string& path,
                       std::string_view body = "") {
  SignatureInput input{.method = method, .path = path};
  input.payload_digest = stream::Sha256Hex(AsBytes(body));
  input.time = "20130524T000000Z";
  input.region = "us-east-1";
  input.headers = {{"Host", "examplebucket.s3.amazonaws.com"},
                   {"x-amz-content-sha256", input.payload_digest},
                   {"x-amz-date", input.time}};
  return input;
}
std::string Signed(const SignatureInput& input) {
  return Authorization(input, kAccessKey, Secret(kSecretKey));
}

TEST(S3Signature, OfAGetWithARange) {
  SignatureInput input = Example("GET", "/test.txt");
  input.headers.emplace_back("Range", "bytes=0-9");
  EXPECT_EQ(CanonicalRequest(input),
            "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\n"
            "x-amz-content-sha256:"
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
            "x-amz-date:20130524T000000Z\n\nhost;range;x-amz-content-sha256;x-amz-date\n"
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Signed(input),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature="
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(S3Signature, OfAPutWhoseKeyHasADollarSign) {
  SignatureInput input =
      Example("PUT", "/" + PercentEncode("test$file.text", true), "Welcome to Amazon S3.");
  input.headers.emplace_back("Date", "Fri, 24 May 2013 00:00:00 GMT");
  input.headers.emplace_back("x-amz-storage-class", "REDUCED_REDUNDANCY");
  EXPECT_TRUE(Signed(input).ends_with(
      "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(S3Signature, OfASubresourceWithoutAValue) {
  SignatureInput input = Example("GET", "/");
  input.query = {{"lifecycle", ""}};
  EXPECT_TRUE(Signed(input).ends_with(
      "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(S3Signature, OfAListing) {
  SignatureInput input = Example("GET", "/");
  input.query = {{"prefix", "J"}, {"max-keys", "2"}};
  EXPECT_TRUE(Signed(input).ends_with(
      "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(S3Signature, TrimsHeadersAndSortsThemByLowerCaseName) {
  SignatureInput input = Example("GET", "/");
  input.headers = {{"X-B", "  two   spaces "}, {"x-a", "1"}, {"Host", "h"}};
  EXPECT_NE(CanonicalRequest(input).find("\nhost:h\nx-a:1\nx-b:two spaces\n\nhost;x-a;x-b\n"),
            std::string::npos);
}

TEST(S3Signature, TheScopesDayIsThatOfTheRequestsTimeAlsoAtMidnight) {
  using std::chrono::seconds;
  const auto midnight = std::chrono::system_clock::from_time_t(1369353600);  // 2013-05-24
  EXPECT_EQ(SignatureTime(midnight), "20130524T000000Z");
  EXPECT_EQ(SignatureTime(midnight - seconds(1)), "20130523T235959Z");
  SignatureInput input = Example("GET", "/");
  input.time = SignatureTime(midnight - seconds(1));
  EXPECT_NE(Signed(input).find("/20130523/us-east-1/s3/"), std::string::npos);
}

}  // namespace
}  // namespace dbagent::storage
