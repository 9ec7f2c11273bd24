#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "agent/config/settings.h"
#include "agent/workflows/mutation.h"
#include "agent/workflows/store_target.h"
#include "dbagent/v1/backup.pb.h"
#include "dbagent/v1/instance.pb.h"
#include "tests/support/status_matchers.h"

namespace dbagent::workflows {
namespace {

using tests::ReasonOf;

const config::TargetRules kAnyHost{{"*"}, false};

v1::StoreTarget Target(const std::string& json) {
  v1::StoreTarget target;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &target);
  EXPECT_TRUE(parsed.ok()) << parsed.ToString() << json;
  return target;
}

v1::StoreTarget S3() {
  v1::StoreTarget target =
      Target(R"({"s3": {"endpoint": "https://s3.example", "region": "here", "bucket": "b"},
                 "prefix": "users/7", "retryBudget": "90s"})");
  v1::S3Credentials& credentials = *target.mutable_credentials()->mutable_s3();
  credentials.set_access_key("ID");
  credentials.set_secret_key("hunter2-key");
  credentials.set_session_token("hunter2-session");
  return target;
}

v1::StoreTarget Swift(const std::string& auth) {
  v1::StoreTarget target = Target(R"({"swift": {"container": "c", )" + auth + "}}");
  target.mutable_credentials()->mutable_swift()->set_secret("hunter2");
  return target;
}

std::string Refusal(const v1::StoreTarget& target, const config::TargetRules& rules = kAnyHost) {
  const auto settings = ToStoreSettings(target, rules);
  return settings.ok() ? "OK" : settings.status().ToString();
}

TEST(StoreTarget, AnS3StoreIsReadAsOneOfTheSettings) {
  ASSERT_OK_AND_ASSIGN(const config::StoreSettings store, ToStoreSettings(S3(), kAnyHost));
  EXPECT_EQ(store.name, "s3://b/users/7");
  EXPECT_EQ(store.kind, "s3");
  EXPECT_EQ(store.prefix, "users/7/");
  EXPECT_EQ(store.transport.retry_budget, std::chrono::seconds(90));
  EXPECT_EQ(store.s3.addressing, "auto");
  EXPECT_EQ(store.s3.credentials, "keys");
  ASSERT_TRUE(store.given());
  const config::StoreCredentials given = store.given()->Read();
  EXPECT_EQ(given.id, "ID");
  EXPECT_EQ(given.secret.Reveal(), "hunter2-key");
  EXPECT_EQ(given.session_token.Reveal(), "hunter2-session");
}

TEST(StoreTarget, EveryWayToLogInToSwiftIsRead) {
  EXPECT_EQ(Refusal(Swift(R"("auth": "SWIFT_AUTH_TEMPAUTH", "authUrl": "https://h/auth/v1.0",
                             "user": "a:u")")),
            "OK");
  EXPECT_EQ(Refusal(Swift(R"("auth": "SWIFT_AUTH_TOKEN", "storageUrl": "https://h/v1/AUTH_a")")),
            "OK");
  EXPECT_EQ(Refusal(Swift(R"("auth": "SWIFT_AUTH_KEYSTONE_PASSWORD", "authUrl": "https://h/v3",
                             "user": "u", "project": "p", "create": true)")),
            "OK");
  v1::StoreTarget application =
      Swift(R"("auth": "SWIFT_AUTH_KEYSTONE_APPLICATION_CREDENTIAL", "authUrl": "https://h/v3")");
  EXPECT_NE(
      Refusal(application).find("'target.credentials.swift.application_credential' is missing"),
      std::string::npos);
  application.mutable_credentials()->mutable_swift()->set_application_credential("id");
  EXPECT_EQ(Refusal(application), "OK");
}

TEST(StoreTarget, AllThatIsWrongIsToldAtOnceByTheFieldsNames) {
  v1::StoreTarget target =
      Target(R"({"s3": {"endpoint": "ftp://s3.example", "bucket": "a/b"}, "prefix": "../x",
                 "retryBudget": "0s", "caCertificate": "none"})");
  target.mutable_credentials()->mutable_swift()->set_secret("hunter2");
  const std::string all = Refusal(target);
  for (const char* part :
       {"TARGET_INVALID", "'target.s3.endpoint'", "'target.s3.region' is missing",
        "'target.s3.bucket' has a slash", "'target.prefix' cannot be '../x/'",
        "'target.retry_budget' must be between 1s", "'target.ca_certificate' is no certificate",
        "'target.credentials' are of kind 'swift'"}) {
    EXPECT_NE(all.find(part), std::string::npos) << part << " is not in " << all;
  }
  EXPECT_EQ(all.find("settings.example.yaml"), std::string::npos) << all;
  EXPECT_EQ(all.find("hunter2"), std::string::npos) << all;
}

TEST(StoreTarget, FieldsOfAnotherWayToLogInAreRefused) {
  const std::string refused =
      Refusal(Swift(R"("auth": "SWIFT_AUTH_TOKEN", "storageUrl": "https://h/v1/a", "user": "u")"));
  EXPECT_NE(refused.find("unknown key 'target.swift.user'"), std::string::npos) << refused;
}

TEST(StoreTarget, SecretsThatWouldBecomeMoreThanOneHeaderAreRefusedAndNotShown) {
  v1::StoreTarget target = S3();
  target.mutable_credentials()->mutable_s3()->set_session_token("hunter2\r\nHost: elsewhere");
  const std::string refused = Refusal(target);
  EXPECT_NE(refused.find("'target.credentials.s3.session_token' is not one line"),
            std::string::npos)
      << refused;
  EXPECT_EQ(refused.find("elsewhere"), std::string::npos);
}

TEST(StoreTarget, NeitherKindNorCredentialsIsTold) {
  EXPECT_NE(Refusal({}).find("'target' is neither"), std::string::npos);
  v1::StoreTarget target = S3();
  target.clear_credentials();
  EXPECT_NE(Refusal(target).find("'target.credentials' is missing"), std::string::npos);
}

TEST(StoreTarget, OnlyHostsOfTheSettingsAreReached) {
  EXPECT_EQ(Refusal(S3(), {{"example"}, false}), "OK") << "a name stands for those below it";
  EXPECT_NE(Refusal(S3(), {{"ample"}, false}).find("TARGET_NOT_ALLOWED"), std::string::npos);
  EXPECT_NE(Refusal(S3(), {}).find("TARGET_NOT_ALLOWED"), std::string::npos);
  v1::StoreTarget plain = S3();
  plain.mutable_s3()->set_endpoint("http://s3.example");
  EXPECT_NE(Refusal(plain).find("without TLS"), std::string::npos);
  EXPECT_EQ(Refusal(plain, {{"*"}, true}), "OK");
}

TEST(StoreTarget, EveryHostDoesNotMeanThisMachineAndItsLink) {
  v1::StoreTarget target = S3();
  for (const char* address : {"127.0.0.1", "169.254.169.254", "0.0.0.0", "[::1]",
                              "[::ffff:169.254.169.254]", "[fe80::1]", "[fd00:ec2::254]"}) {
    target.mutable_s3()->set_endpoint(std::string("https://") + address);
    EXPECT_NE(Refusal(target).find("TARGET_NOT_ALLOWED"), std::string::npos) << address;
  }
  target.mutable_s3()->set_endpoint("https://127.0.0.1:9000");
  EXPECT_EQ(Refusal(target, {{"*", "127.0.0.1"}, false}), "OK") << "named, it is meant";
}

TEST(StoreTarget, WhatMakesARequestTheSameHasNoCredentials) {
  v1::CreateBackupRequest request;
  *request.mutable_target() = S3();
  const std::string first = Serialise(WithoutCredentials(request));
  EXPECT_EQ(first.find("hunter2"), std::string::npos);
  EXPECT_NE(first.find("s3.example"), std::string::npos);
  request.mutable_target()->mutable_credentials()->mutable_s3()->set_secret_key("renewed");
  EXPECT_EQ(Serialise(WithoutCredentials(request)), first);
  request.mutable_target()->mutable_s3()->set_bucket("another");
  EXPECT_NE(Serialise(WithoutCredentials(request)), first);
  EXPECT_TRUE(request.target().has_credentials());
}

TEST(StoreTarget, RenewedCredentialsMustFit) {
  v1::StoreCredentials credentials;
  credentials.mutable_swift()->set_secret("x");
  EXPECT_EQ(ReasonOf(ToCredentials(credentials, S3(), "credentials")), "TARGET_INVALID");
  credentials.mutable_s3()->set_access_key("ID");
  credentials.mutable_s3()->set_secret_key("x");
  EXPECT_OK(ToCredentials(credentials, S3(), "credentials"));
}

TEST(RequestTargets, SettingsSayWhichHostsAreMeant) {
  const std::string begin = R"(instance: {volume: /v, runtime_directory: /r}
datastore: {driver: mysql, module_directory: /m}
local: {socket: /s, peers: []}
)";
  const config::Parsed none = config::ParseSettings(begin);
  EXPECT_TRUE(none.settings.request_targets.hosts.empty());
  const config::Parsed some = config::ParseSettings(
      begin + "request_targets: {hosts: [Objects.example, '::1'], plain_http: true}\n");
  ASSERT_EQ(config::FormatProblems("f", some.problems), "");
  EXPECT_EQ(some.settings.request_targets.hosts.at(0), "objects.example");
  EXPECT_TRUE(some.settings.request_targets.plain_http);
  const config::Parsed bad =
      config::ParseSettings(begin + "request_targets: {hosts: ['https://h', 'h:80', 'h/p']}\n");
  EXPECT_EQ(bad.problems.size(), 3U) << config::FormatProblems("f", bad.problems);
}

}  // namespace
}  // namespace dbagent::workflows
