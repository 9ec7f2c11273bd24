#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "agent/config/given_credentials.h"
#include "agent/config/secret_source.h"
#include "agent/config/target_rules.h"

namespace dbagent::config {

// How to speak to a store over HTTP.
struct StoreTransport {
  std::filesystem::path ca_file;     // empty: what the system trusts
  std::string ca_pem;                // in place of the file
  std::optional<TargetRules> rules;  // of a store that came with a request: where it may lead
  std::string proxy;                 // see net::HttpSettings
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds stall_timeout{60};
  bool expect_continue = true;
  std::uint32_t connections = 16;          // at most, at a time
  std::uint32_t attempts = 20;             // of one request
  std::chrono::seconds retry_budget{300};  // for one request with all its attempts and waits
};

// An S3 bucket, at AWS or anybody else's.
struct S3Settings {
  std::string endpoint;  // https://host[:port]
  std::string region;
  std::string bucket;
  std::string addressing = "auto";   // `path`, `virtual_host`; auto: path for numeric hosts, given
                                     // ports and buckets with dots, else virtual_host
  std::string credentials = "keys";  // `metadata`: the role of the machine (IMDSv2)
  std::string metadata_endpoint = "http://169.254.169.254";
  std::string access_key;          // an id, no secret
  SecretSource access_key_source;  // in place of the id
  SecretSource secret_key;
  SecretSource session_token;               // of temporary keys
  std::shared_ptr<GivenCredentials> given;  // of a request; in place of all sources
};

struct SwiftSettings {
  // `keystone_password`, `keystone_application_credential`, `token`, `tempauth`
  std::string auth;
  std::string auth_url;     // Keystone's …/v3, TempAuth's …/auth/v1.0
  std::string storage_url;  // of a given token; else in place of what the catalogue says
  std::string user, user_domain = "Default";
  std::string project, project_domain = "Default";
  std::string application_credential;  // its id
  std::string region;                  // empty: the only one
  std::string interface = "public";
  SecretSource secret;  // password, secret of the application credential, key, or token
  std::shared_ptr<GivenCredentials> given;  // of a request; in place of `secret` and the id
  std::string container;
  bool create = false;  // the container, when it is missing
};

struct StoreSettings {
  std::string name;
  std::string kind;  // `file`, `s3`, `swift`
  std::filesystem::path path;
  std::string prefix;  // in the bucket or container; empty or ends in `/`
  S3Settings s3;
  SwiftSettings swift;
  StoreTransport transport;

  // Nothing for a store of the settings.
  const std::shared_ptr<GivenCredentials>& given() const {
    return kind == "s3" ? s3.given : swift.given;
  }
};

}  // namespace dbagent::config
