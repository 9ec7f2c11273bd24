#pragma once

#include <filesystem>
#include <string>

#include "agent/base/result.h"
#include "agent/base/secret.h"

namespace dbagent::config {

// Where a secret is found, never the secret itself: one of these is set, or none.
struct SecretSource {
  std::filesystem::path file{};  // of the settings
  std::string credential{};      // a systemd credential's name (systemd.exec(5), LoadCredential=)
  int line = 0, column = 0;      // in the settings file

  bool empty() const { return file.empty() && credential.empty(); }
  // `file '/etc/…'`, for messages.
  std::string Describe() const;
};

// Reads it anew, so that what was rotated counts at once. Line ends at its end are no part of it.
// A file must be regular, of the agent's user or root, readable by its owner alone, of 1 to 64 KiB.
// SECRET_UNREADABLE (with what is wrong and how to mend it).
Result<Secret> ReadSecret(const SecretSource& source);

}  // namespace dbagent::config
