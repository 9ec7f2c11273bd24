#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/config/settings.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::config {
namespace {

using tests::ReasonOf;
using tests::TempDir;

std::string WithStores(const std::string& stores) {
  return R"(instance: {volume: /v, runtime_directory: /r}
datastore: {driver: mysql, module_directory: /m}
local: {socket: /s, peers: []}
stores:
)" + stores;
}

void WriteFile(const std::filesystem::path& path, const std::string& text, mode_t mode) {
  std::ofstream(path) << text;
  ASSERT_EQ(chmod(path.c_str(), mode), 0);
}

TEST(StoreSettings, ReadsAnS3Store) {
  const Parsed parsed = ParseSettings(WithStores(R"(
  - name: s
    kind: s3
    endpoint: http://[::1]:9000
    region: here
    bucket: b
    prefix: a/b
    access_key: {credential: id}
    secret_key: {file: /secret}
    retry_budget: 2h
    connections: 4
)"));
  ASSERT_EQ(FormatProblems("f", parsed.problems), "");
  const StoreSettings& store = parsed.settings.stores.at(0);
  EXPECT_EQ(store.prefix, "a/b/");
  EXPECT_EQ(store.s3.access_key_source.credential, "id");
  EXPECT_EQ(store.s3.secret_key.file, "/secret");
  EXPECT_EQ(store.transport.connections, 4U);
  EXPECT_EQ(store.transport.retry_budget, std::chrono::hours(2));
  EXPECT_EQ(parsed.settings.default_store, "s");
}

TEST(StoreSettings, ReadsEveryWayToLogInToSwift) {
  const std::string begin = "  - {name: s, kind: swift, container: c, ";
  for (const std::string auth :
       {"auth: tempauth, auth_url: 'http://h/auth/v1.0', user: 'a:u', key: {file: /k}",
        "auth: token, storage_url: 'http://h/v1/AUTH_a', token: {file: /k}",
        "auth: keystone_password, auth_url: 'https://h/v3', user: u, project: p, password: {file: "
        "/k}",
        "auth: keystone_application_credential, auth_url: 'https://h/v3', application_credential: "
        "i, secret: {file: /k}"}) {
    const Parsed parsed = ParseSettings(WithStores(begin + auth + "}\n"));
    EXPECT_EQ(FormatProblems("f", parsed.problems), "") << auth;
    EXPECT_EQ(parsed.settings.stores.at(0).swift.secret.file, "/k");
  }
}

TEST(StoreSettings, ASecretInTheFileIsRefusedAndNotShown) {
  const Parsed parsed = ParseSettings(WithStores(
      "  - {name: s, kind: s3, endpoint: 'http://h', region: r, bucket: b, access_key: a, "
      "secret_key: hunter2}\n"));
  const std::string problems = FormatProblems("f", parsed.problems);
  EXPECT_EQ(problems.find("hunter2"), std::string::npos);
  EXPECT_NE(problems.find("f:5:96: error: 'stores[].secret_key' must not stand in this file"),
            std::string::npos)
      << problems;
}

TEST(StoreSettings, KeysBesideTheMachinesRoleAreUnknown) {
  const Parsed parsed = ParseSettings(
      WithStores("  - {name: s, kind: s3, endpoint: 'http://h', region: r, bucket: b, credentials: "
                 "metadata, secret_key: {file: /k}}\n"));
  EXPECT_NE(FormatProblems("f", parsed.problems).find("unknown key 'stores[].secret_key'"),
            std::string::npos);
}

TEST(SecretSource, ReadsAFileOfTheAgentAloneAndTakesLineEndsOff) {
  const TempDir directory;
  WriteFile(directory / "good", "hunter2\r\n", 0600);
  ASSERT_OK_AND_ASSIGN(const Secret secret, ReadSecret({.file = directory / "good"}));
  EXPECT_EQ(secret.Reveal(), "hunter2");
}

TEST(SecretSource, SaysWhatIsWrongWithAFile) {
  const TempDir directory;
  WriteFile(directory / "open", "hunter2", 0640);
  WriteFile(directory / "empty", "\n", 0600);
  WriteFile(directory / "huge", std::string(70000, 'x'), 0600);
  ASSERT_EQ(mkfifo((directory / "pipe").c_str(), 0600), 0);
  const auto why = [&](const char* name) {
    const Result<Secret> secret = ReadSecret({.file = directory / name});
    EXPECT_EQ(ReasonOf(secret), "SECRET_UNREADABLE") << name;
    return secret.status().message();
  };
  EXPECT_NE(why("open").find("others than its owner may use it"), std::string::npos);
  EXPECT_NE(why("empty").find("it is empty"), std::string::npos);
  EXPECT_NE(why("huge").find("more than 64 KiB"), std::string::npos);
  EXPECT_NE(why("pipe").find("no regular file"), std::string::npos);
  EXPECT_NE(why("missing").find("No such file"), std::string::npos);
}

TEST(SecretSource, ReadsASystemdCredential) {
  const TempDir directory;
  WriteFile(directory / "key", "hunter2", 0440);  // as systemd's look with an access list
  ASSERT_EQ(unsetenv("CREDENTIALS_DIRECTORY"), 0);
  EXPECT_EQ(ReasonOf(ReadSecret({.credential = "key"})), "SECRET_UNREADABLE");
  ASSERT_EQ(setenv("CREDENTIALS_DIRECTORY", directory.path().c_str(), 1), 0);
  const Result<Secret> secret = ReadSecret({.credential = "key"});
  ASSERT_EQ(unsetenv("CREDENTIALS_DIRECTORY"), 0);
  ASSERT_OK(secret);
  EXPECT_EQ(secret->Reveal(), "hunter2");
}

TEST(SecretSource, WhatIsWrongWithAFileIsTheSettingsFilesProblem) {
  const TempDir directory;
  WriteFile(directory / "open", "hunter2", 0644);
  WriteFile(directory / "settings",
            WithStores("  - {name: s, kind: swift, container: c, auth: token, storage_url: "
                       "'http://h/v1/a', token: {file: " +
                       (directory / "open").native() + "}}\n"),
            0600);
  const Result<Settings> loaded = LoadSettings(directory / "settings");
  ASSERT_EQ(ReasonOf(loaded), "SETTINGS_INVALID");
  EXPECT_NE(loaded.status().message().find(":5:92: error: unable to read file '"),
            std::string::npos)
      << loaded.status().message();
  // the tool table is made without them, in a unit that has no credentials
  EXPECT_OK(LoadSettings(directory / "settings", SecretCheck::kLeave));
}

TEST(SecretSource, CredentialsAreNotLookedForWhereOnlyFilesAre) {
  const TempDir directory;
  WriteFile(directory / "settings",
            WithStores("  - {name: s, kind: swift, container: c, auth: token, storage_url: "
                       "'http://h/v1/a', token: {credential: swift-secret}}\n"),
            0600);
  EXPECT_EQ(ReasonOf(LoadSettings(directory / "settings")), "SETTINGS_INVALID");
  const Result<Settings> files = LoadSettings(directory / "settings", SecretCheck::kReadFiles);
  ASSERT_OK(files);
  const std::vector<const SecretSource*> secrets = SecretsOf(*files);
  ASSERT_EQ(secrets.size(), 1U);
  EXPECT_EQ(secrets[0]->Describe(), "credential 'swift-secret'");
}

}  // namespace
}  // namespace dbagent::config
