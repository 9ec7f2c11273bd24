// What only an S3 store does, at a scripted server and at Swift's S3 face.
#include "agent/storage/s3_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/net/http_date.h"
#include "agent/storage/open_store.h"
#include "agent/stream/sha256.h"
#include "tests/store/scripted_settings.h"
#include "tests/support/temp_dir.h"

namespace dbagent::tests {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;
using storage::ObjectStore;

class S3Store : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(store_->Put(Ctx(), "warm", AsBytes("content")));
    before_ = server_.heard().size();
  }
  std::vector<HeardRequest> Heard() const {
    std::vector<HeardRequest> all = server_.heard();
    return {all.begin() + static_cast<std::ptrdiff_t>(before_), all.end()};
  }

  ScriptedStore server_;
  std::unique_ptr<ObjectStore> store_ = OpenS3(S3At(server_.url()));
  std::size_t before_ = 0;
};

TEST_F(S3Store, SignsTheBodysRealDigestAndAllThatMatters) {
  ASSERT_OK(store_->Put(Ctx(), "a=b/c%20d", AsBytes("hello")));
  const HeardRequest put = Heard().at(0);
  EXPECT_EQ(put.target, "/place/a%3Db/c%2520d");
  EXPECT_EQ(put.headers.at("x-amz-content-sha256"), stream::Sha256Hex(AsBytes("hello")));
  EXPECT_EQ(put.headers.at("host"), server_.url().substr(7));
  EXPECT_NE(put.headers.at("authorization")
                .find("SignedHeaders=content-type;host;if-none-match;x-amz-content-sha256;"
                      "x-amz-date;x-amz-meta-dbagent-put,"),
            std::string::npos)
      << put.headers.at("authorization");
}

TEST_F(S3Store, SendsTheDigestThatItsCallerHas) {
  const std::string given(64, 'a');
  ASSERT_OK(store_->Put(Ctx(), "o", {AsBytes("hello"), given}));
  EXPECT_EQ(Heard().at(0).headers.at("x-amz-content-sha256"), given);
}

TEST_F(S3Store, ManyAreRemovedByOneRequestAndWhatThatKeepsOneByOne) {
  server_.Next(AnswerWith(200, {},
                          "<DeleteResult><Error><Key>b=/c</Key><Code>InternalError</Code>"
                          "</Error><Error><Key>d</Key><Code>NoSuchKey</Code></Error>"
                          "</DeleteResult>"));
  ASSERT_OK(store_->RemoveAll(Ctx(), {"a", "b=/c", "d"}));
  const HeardRequest many = Heard().at(0);
  EXPECT_EQ(many.method, "POST");
  EXPECT_EQ(many.target, "/place?delete=");
  EXPECT_EQ(many.body,
            "<?xml version=\"1.0\"?><Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<Object><Key>a</Key></Object><Object><Key>b=/c</Key></Object>"
            "<Object><Key>d</Key></Object><Quiet>true</Quiet></Delete>");
  EXPECT_EQ(many.headers.at("content-md5").size(), 24U);
  EXPECT_NE(many.headers.at("authorization").find("content-md5;"), std::string::npos);
  ASSERT_EQ(Heard().size(), 2U);
  EXPECT_EQ(Heard().at(1).method, "DELETE");
  EXPECT_EQ(Heard().at(1).target, "/place/b%3D/c");
}

TEST_F(S3Store, AStoreThatCannotRemoveManyIsAskedOneByOneFromThenOn) {
  server_.Next(AnswerWith(501, {}, S3ErrorBody("NotImplemented")));
  ASSERT_OK(store_->RemoveAll(Ctx(), {"a", "b"}));
  ASSERT_OK(store_->RemoveAll(Ctx(), {"c"}));
  ASSERT_EQ(Heard().size(), 4U);
  EXPECT_EQ(Heard().at(0).method, "POST");
  EXPECT_EQ(Heard().at(3).method, "DELETE");
}

TEST_F(S3Store, OfManyWhatItMayNotRemoveIsTold) {
  server_.Next(AnswerWith(200, {},
                          "<DeleteResult><Error><Key>locked</Key><Code>AccessDenied</Code></Error>"
                          "</DeleteResult>"));
  server_.Next(AnswerWith(403, {}, S3ErrorBody("AccessDenied")), 2);
  const Status removed = store_->RemoveAll(Ctx(), {"free", "locked"});
  EXPECT_EQ(ReasonOf(removed), "PERMISSION_DENIED");
  EXPECT_NE(removed.FullMessage().find("'locked'"), std::string::npos) << removed.FullMessage();
}

TEST_F(S3Store, ABucketWithALockGetsTheBodysMd5) {
  server_.Next(AnswerWith(400, {},
                          "<Error><Code>InvalidRequest</Code><Message>Content-MD5 OR "
                          "x-amz-checksum- HTTP header is required for Put Object requests with "
                          "Object Lock parameters</Message></Error>"));
  ASSERT_OK(store_->Put(Ctx(), "o", AsBytes("hello")));
  ASSERT_OK(store_->Put(Ctx(), "p", AsBytes("hello")));
  ASSERT_EQ(Heard().size(), 3U);  // it is remembered
  EXPECT_FALSE(Heard().at(0).headers.contains("content-md5"));
  for (const std::size_t at : {1U, 2U})
    EXPECT_EQ(Heard().at(at).headers.at("content-md5"), "XUFAKrxLKna5cZ2REBfFkg==");
}

TEST_F(S3Store, AClockThatIsWrongIsCorrectedByTheStoresDate) {
  const auto store_time = system_clock::now() + std::chrono::hours(2);
  const std::string date = [&] {
    const time_t time = system_clock::to_time_t(store_time);
    char text[64];
    struct tm utc {};
    strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT", gmtime_r(&time, &utc));
    return std::string(text);
  }();
  server_.Next(AnswerWith(403, {date}, S3ErrorBody("RequestTimeTooSkewed")));
  ASSERT_OK(store_->Put(Ctx(), "o", AsBytes("x")));
  ASSERT_OK(store_->Put(Ctx(), "p", AsBytes("x")));
  ASSERT_EQ(Heard().size(), 3U);  // it is remembered
  for (const std::size_t at : {1U, 2U}) {
    struct tm utc {};
    ASSERT_NE(strptime(Heard().at(at).headers.at("x-amz-date").c_str(), "%Y%m%dT%H%M%SZ", &utc),
              nullptr);
    const auto off = system_clock::from_time_t(timegm(&utc)) - store_time;
    EXPECT_LT(std::chrono::abs(off), seconds(60));
  }
  // a store that is never content with its own time
  server_.Next(AnswerWith(403, {date}, S3ErrorBody("RequestTimeTooSkewed")), 2);
  EXPECT_EQ(ReasonOf(store_->Put(Ctx(), "q", AsBytes("x"))), "CLOCK_SKEWED");
}

TEST_F(S3Store, ARegionThatIsWrongIsLearntOnce) {
  server_.Next(
      AnswerWith(400, {}, S3ErrorBody("AuthorizationHeaderMalformed", "<Region>there-9</Region>")));
  ASSERT_OK(store_->Put(Ctx(), "o", AsBytes("x")));
  ASSERT_OK(store_->Put(Ctx(), "p", AsBytes("x")));
  ASSERT_EQ(Heard().size(), 3U);
  EXPECT_NE(Heard().at(0).headers.at("authorization").find("/here/s3/"), std::string::npos);
  EXPECT_NE(Heard().at(1).headers.at("authorization").find("/there-9/s3/"), std::string::npos);
  EXPECT_NE(Heard().at(2).headers.at("authorization").find("/there-9/s3/"), std::string::npos);
  server_.Next(AnswerWith(301, {"x-amz-bucket-region: back-1"}, S3ErrorBody("PermanentRedirect")));
  ASSERT_OK(store_->Put(Ctx(), "q", AsBytes("x")));
}

TEST_F(S3Store, AnErrorInAnAnswerOf200IsAnError) {
  server_.Next(AnswerWith(200, {}, S3ErrorBody("InternalError")));
  ASSERT_OK(store_->Put(Ctx(), "o", AsBytes("x")));
  EXPECT_EQ(Heard().size(), 2U);
  server_.Next(AnswerWith(200, {}, S3ErrorBody("SlowDown")));
  server_.Next(AnswerWith(200, {}, "<html>log in to this network</html>"));
  server_.Next(AnswerWith(200, {},
                          "<ListBucketResult><IsTruncated>false</IsTruncated>"
                          "<Contents><Key>found</Key><Size>3</Size></Contents>"
                          "</ListBucketResult>"));
  const auto listed = store_->List(Ctx(), "", {});
  ASSERT_OK(listed);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->at(0).name, "found");
  EXPECT_EQ(listed->at(0).bytes, 3U);
}

TEST_F(S3Store, ListsPageByPageWithNamesThatAreEncoded) {
  server_.Next(
      AnswerWith(200, {},
                 "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
                 "<NextContinuationToken>to+ken/=</NextContinuationToken>"
                 "<Contents><Key>p/b%3Dc</Key><Size>1</Size></Contents>"
                 "<Contents><Key>p/with%20space</Key><Size>1</Size></Contents>"
                 "<Contents><Key>p/</Key><Size>0</Size></Contents>"
                 "<CommonPrefixes><Prefix>p/a/</Prefix></CommonPrefixes></ListBucketResult>"));
  server_.Next(AnswerWith(200, {},
                          "<ListBucketResult><IsTruncated>false</IsTruncated>"
                          "<Contents><Key>p/d</Key><Size>1</Size></Contents></ListBucketResult>"));
  const auto listed = store_->List(Ctx(), "p/", {"", 10});
  ASSERT_OK(listed);
  std::vector<std::string> names;
  for (const auto& one : *listed) names.push_back(one.name);
  EXPECT_EQ(names, (std::vector<std::string>{"p/a/", "p/b=c", "p/d"}));
  EXPECT_EQ(Heard().at(0).target,
            "/place?delimiter=%2F&encoding-type=url&list-type=2&max-keys=10&prefix=p%2F");
  EXPECT_NE(Heard().at(1).target.find("continuation-token=to%2Bken%2F%3D&"), std::string::npos);
}

TEST_F(S3Store, WhatTheStoreCallsFullIsNoSpace) {
  for (const char* code : {"QuotaExceeded", "EntityTooLarge", "XMinioStorageFull"}) {
    server_.Next(
        AnswerWith(code == std::string("QuotaExceeded") ? 403 : 400, {}, S3ErrorBody(code)));
    EXPECT_EQ(ReasonOf(store_->Put(Ctx(), "o", AsBytes("x"))), "NO_SPACE") << code;
  }
  ASSERT_OK(store_->Put(Ctx(), "o", AsBytes("x")));
}

TEST_F(S3Store, KeysThatWereRotatedInTheirFileAreTakenWithoutARestart) {
  const TempDir directory;
  const auto write = [&](const std::string& text) {
    std::ofstream(directory / "secret") << text << "\n";
    ASSERT_EQ(chmod((directory / "secret").c_str(), 0600), 0);
  };
  write("old-secret");
  config::S3Settings settings = S3At(server_.url());
  settings.given.reset();
  settings.access_key = "id";
  settings.secret_key = {.file = directory / "secret"};
  const auto store = OpenS3(settings);
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("x")));
  server_.Next(AnswerWith(403, {}, S3ErrorBody("SignatureDoesNotMatch")));
  const Status refused = store->Put(Ctx(), "p", AsBytes("x"));
  EXPECT_EQ(ReasonOf(refused), "CREDENTIALS_REFUSED");
  write("new-secret");
  server_.Next(AnswerWith(403, {}, S3ErrorBody("SignatureDoesNotMatch")));
  ASSERT_OK(store->Put(Ctx(), "p", AsBytes("x")));
}

TEST_F(S3Store, ATemporaryTokenIsSentSignedAndRenewedWhenItExpired) {
  config::S3Settings settings = S3At(server_.url());
  settings.given->Renew({"id", Secret("hunter2-secret"), Secret("first-token")});
  const auto store = OpenS3(settings);
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("x")));
  const HeardRequest first = server_.heard().back();
  EXPECT_EQ(first.headers.at("x-amz-security-token"), "first-token");
  EXPECT_NE(first.headers.at("authorization").find(";x-amz-security-token,"), std::string::npos);
  settings.given->Renew({"id", Secret("hunter2-secret"), Secret("second-token")});
  server_.Next(AnswerWith(400, {}, S3ErrorBody("ExpiredToken")));
  ASSERT_OK(store->Put(Ctx(), "p", AsBytes("x")));
  EXPECT_EQ(server_.heard().back().headers.at("x-amz-security-token"), "second-token");
}

TEST_F(S3Store, TheMachinesRoleGivesKeysByATokenOfTheMetadataService) {
  ScriptedStore metadata;
  const auto keys = [](const std::string& id) {
    return AnswerWith(
        200, {},
        R"({"Code":"Success","AccessKeyId":")" + id +
            R"(","SecretAccessKey":"s","Token":"t","Expiration":"2999-01-01T00:00:00Z"})");
  };
  config::S3Settings settings = S3At(server_.url());
  settings.given.reset();
  settings.credentials = "metadata";
  settings.metadata_endpoint = metadata.url();
  for (const char* id : {"one", "two"}) {
    metadata.Next(AnswerWith(200, {}, "session"));
    metadata.Next(AnswerWith(200, {}, "the-role\n"));
    metadata.Next(keys(id));
  }
  const auto store = OpenS3(settings);
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("x")));
  EXPECT_EQ(metadata.heard().size(), 3U);
  EXPECT_EQ(metadata.heard().at(0).method, "PUT");
  EXPECT_EQ(metadata.heard().at(2).target, "/latest/meta-data/iam/security-credentials/the-role");
  EXPECT_EQ(metadata.heard().at(2).headers.at("x-aws-ec2-metadata-token"), "session");
  EXPECT_NE(server_.heard().back().headers.at("authorization").find("Credential=one/"),
            std::string::npos);
  server_.Next(AnswerWith(403, {}, S3ErrorBody("ExpiredToken")));
  ASSERT_OK(store->Put(Ctx(), "p", AsBytes("x")));
  EXPECT_NE(server_.heard().back().headers.at("authorization").find("Credential=two/"),
            std::string::npos);
  // nobody there: the machine has no role
  settings.metadata_endpoint = server_.url();
  server_.Next(AnswerWith(404));
  EXPECT_EQ(ReasonOf(OpenS3(settings)->Put(Ctx(), "q", {})), "CREDENTIALS_REFUSED");
}

TEST_F(S3Store, TheBucketStandsInFrontOfTheHostWhenAskedTo) {
  config::S3Settings settings = S3At(server_.url());
  settings.endpoint.replace(settings.endpoint.find("127.0.0.1"), 9, "localhost");
  settings.addressing = "virtual_host";
  const auto store = OpenS3(settings);
  ASSERT_OK(store->Replace(Ctx(), "a/o", AsBytes("x")));
  EXPECT_EQ(server_.heard().back().target, "/a/o");
  EXPECT_TRUE(server_.heard().back().headers.at("host").starts_with("place.localhost:"));
}

TEST_F(S3Store, SpeaksIPv6) {
  ScriptedStore six(true);
  const auto store = OpenS3(S3At(six.url()));
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("x")));
  EXPECT_TRUE(six.heard().back().headers.at("host").starts_with("[::1]:"));
}

TEST_F(S3Store, GoesThroughAProxyWhenTheSettingsHaveOne) {
  storage::HttpStoreSettings settings = QuickSettings();
  settings.http.proxy = server_.url();
  const auto store = OpenS3(S3At("http://store.invalid"), settings);
  ASSERT_OK(store->Replace(Ctx(), "o", AsBytes("x")));
  EXPECT_EQ(server_.heard().back().target, "http://store.invalid/place/o");
}

TEST_F(S3Store, APrefixStandsBeforeEveryKey) {
  storage::HttpStoreSettings settings = QuickSettings();
  settings.prefix = "in/here/";
  const auto store = OpenS3(S3At(server_.url()), settings);
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("x")));
  EXPECT_TRUE(server_.objects().contains("/place/in/here/o"));
  EXPECT_EQ(ReasonOf(store->Put(Ctx(),
                                std::string(250, 'a') + "/" + std::string(250, 'a') + "/" +
                                    std::string(250, 'a') + "/" + std::string(250, 'a') + "/" +
                                    std::string(16, 'a'),
                                {})),
            "NAME_INVALID");
}

TEST(S3StoreAtSwift, ListsBelowAPrefixAndAfterAFolder) {
  const std::string bucket = "prefixed-s3-bucket";
  ASSERT_OK_AND_ASSIGN(const auto maker, storage::OpenStore(TheSwift().Swift(bucket)));
  ASSERT_OK(maker->Replace(Ctx(), "other/o", {}));
  config::StoreSettings settings = TheSwift().S3(bucket);
  settings.prefix = "my/own/";
  ASSERT_OK_AND_ASSIGN(const auto store, storage::OpenStore(settings));
  for (const char* name : {"a/1", "a/2", "b", "c/1", "d"})
    ASSERT_OK(store->Put(Ctx(), name, AsBytes("x")));
  const auto names = [&](const storage::ListPage& page) {
    std::vector<std::string> all;
    const auto listed = store->List(Ctx(), "", page);
    EXPECT_OK(listed);
    for (const auto& one : *listed) all.push_back(one.name);
    return all;
  };
  EXPECT_EQ(names({}), (std::vector<std::string>{"a/", "b", "c/", "d"}));
  EXPECT_EQ(names({"a/", 2}), (std::vector<std::string>{"b", "c/"}));
  EXPECT_EQ(names({"c/", 9}), (std::vector<std::string>{"d"}));
}

TEST(S3StoreAtSwift, AWrongSecretIsRefusedAndNotShown) {
  config::StoreSettings settings = TheSwift().S3("any-bucket");
  settings.s3.given = GivenTo("wrong-secret", "test:tester");
  ASSERT_OK_AND_ASSIGN(const auto store, storage::OpenStore(settings));
  const Status replaced = store->Replace(Ctx(), "o", AsBytes("x"));
  EXPECT_EQ(ReasonOf(replaced), "CREDENTIALS_REFUSED") << replaced.ToString();
  EXPECT_NE(replaced.FullMessage().find("SignatureDoesNotMatch"), std::string::npos);
  EXPECT_EQ(replaced.ToString().find("wrong-secret"), std::string::npos);
  // this store knows no conditional PUT, so a Put looks first, by HEAD, whose answer has no words
  const Status put = store->Put(Ctx(), "o", AsBytes("x"));
  EXPECT_EQ(ReasonOf(put), "PERMISSION_DENIED");
  EXPECT_NE(put.hint().find("the keys are wrong, or"), std::string::npos);
}

TEST(S3StoreAtSwift, AMissingBucketIsTold) {
  ASSERT_OK_AND_ASSIGN(const auto store, storage::OpenStore(TheSwift().S3("no-such-bucket")));
  EXPECT_EQ(ReasonOf(store->Put(Ctx(), "o", {})), "CONTAINER_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store->Exists(Ctx(), "o")), "CONTAINER_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store->List(Ctx(), "", {})), "CONTAINER_NOT_FOUND");
}

TEST(S3StoreAtSwift, AWrongRegionIsLearnt) {
  ASSERT_OK_AND_ASSIGN(const auto maker, storage::OpenStore(TheSwift().Swift("region-bucket")));
  ASSERT_OK(maker->Replace(Ctx(), "o", {}));
  config::StoreSettings settings = TheSwift().S3("region-bucket");
  settings.s3.region = "elsewhere-1";
  ASSERT_OK_AND_ASSIGN(const auto store, storage::OpenStore(settings));
  EXPECT_OK(store->Put(Ctx(), "p", AsBytes("x")));
}

TEST(S3StoreAtSwift, RefusesADigestThatIsNotTheContents) {
  ASSERT_OK(OpenSwift(TheSwift().Swift("digests").swift)->Replace(Ctx(), "first", {}));
  config::StoreSettings settings = TheSwift().S3("digests");
  settings.transport.attempts = 2;
  ASSERT_OK_AND_ASSIGN(const auto store, storage::OpenStore(settings));
  const Status put = store->Put(Ctx(), "o", {AsBytes("hello"), std::string(64, 'a')});
  EXPECT_FALSE(put.ok());
  EXPECT_NE(put.FullMessage().find("BadDigest"), std::string::npos) << put.FullMessage();
  ASSERT_OK_AND_ASSIGN(const bool there, store->Exists(Ctx(), "o"));
  EXPECT_FALSE(there);
}

}  // namespace
}  // namespace dbagent::tests
