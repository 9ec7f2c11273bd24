#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "agent/base/result.h"
#include "dbagent/v1/store.pb.h"

namespace dbagent::ctl {

// Which store a command means: one of the agent's settings, or one that the request brings.
struct StoreOptions {
  std::string name;
  std::string target;       // file
  std::string credentials;  // file; `-`: standard input
};

// `--store`, `--target`, `--credentials`; `prefix` stands before them: `from-`.
void AddStoreOptions(CLI::App& command, StoreOptions& options, const std::string& prefix = {});

// A StoreTarget in protobuf's JSON, without credentials. USAGE.
Result<v1::StoreTarget> ReadTarget(const std::string& file);
// A JSON object of texts: of S3 `access_key`, `secret_key`, perhaps `session_token`; of Swift
// `secret`, perhaps `application_credential`. A file must be readable by its owner alone. USAGE,
// never with a part of the text.
Result<v1::StoreCredentials> ReadCredentials(const std::string& file);
// The same of a text.
Result<v1::StoreCredentials> ParseCredentials(const std::string& json, const std::string& name);

// Sets the request's `store` or `target`.
template <typename Request>
Status SetStore(const StoreOptions& options, Request& request) {
  request.set_store(options.name);
  if (options.target.empty()) return Ok();
  ASSIGN_OR_RETURN(*request.mutable_target(), ReadTarget(options.target));
  ASSIGN_OR_RETURN(*request.mutable_target()->mutable_credentials(),
                   ReadCredentials(options.credentials));
  return Ok();
}

}  // namespace dbagent::ctl
