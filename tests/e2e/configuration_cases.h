#pragma once

#include <map>
#include <string>
#include <vector>

namespace dbagent::tests {

// A configuration group, and what becomes of it.
struct ConfigurationCase {
  enum class Want {
    kLive,       // in force at once
    kPending,    // waits for a restart
    kRestarted,  // in force after a restart that the call asked for
    kRefused,    // before anything is changed: `reason` is that of a violation
    kFails,      // the operation fails with `reason`, and all is as before
  };
  std::map<std::string, std::string> group;
  Want want;
  std::string reason = {};
};

// For the server under test, one after the other on the same instance (1 GiB).
std::vector<ConfigurationCase> ConfigurationCases();

}  // namespace dbagent::tests
