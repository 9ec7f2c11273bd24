#pragma once

#include "agent/storage/http_store.h"
#include "agent/storage/s3_store.h"
#include "agent/storage/swift_store.h"
#include "tests/support/scripted_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/swift_server.h"

// Stores at a scripted server, with short waits.
namespace dbagent::tests {

inline storage::HttpStoreSettings QuickSettings() {
  storage::HttpStoreSettings settings;
  settings.retries = {6, std::chrono::seconds(20), std::chrono::milliseconds(5),
                      std::chrono::milliseconds(20)};
  settings.http.proxy = "none";
  settings.http.stall_timeout = std::chrono::seconds(1);
  return settings;
}

inline config::S3Settings S3At(const std::string& endpoint) {
  config::S3Settings settings;
  settings.endpoint = endpoint;
  settings.region = "here";
  settings.bucket = "place";
  settings.given = GivenTo("hunter2-secret", "id");
  return settings;
}
inline config::SwiftSettings SwiftAt(const std::string& url) {
  config::SwiftSettings settings;
  settings.auth = "token";
  settings.storage_url = url;
  settings.container = "place";
  settings.given = GivenTo("hunter2-token");
  return settings;
}
inline std::unique_ptr<storage::ObjectStore> OpenS3(
    const config::S3Settings& s3, const storage::HttpStoreSettings& settings = QuickSettings()) {
  auto dialect = storage::MakeS3Dialect(s3);
  EXPECT_OK(dialect);
  return storage::MakeHttpStore(*std::move(dialect), settings);
}
inline std::unique_ptr<storage::ObjectStore> OpenSwift(
    const config::SwiftSettings& swift,
    const storage::HttpStoreSettings& settings = QuickSettings()) {
  return storage::MakeHttpStore(storage::MakeSwiftDialect(swift, settings.http), settings);
}

inline OpContext Ctx() {
  return OpContext().WithBudget(std::chrono::seconds(60));
}

}  // namespace dbagent::tests
