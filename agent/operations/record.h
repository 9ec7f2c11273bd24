#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/ids.h"
#include "agent/base/op_context.h"
#include "agent/base/status.h"

namespace dbagent::operations {

enum class State : std::uint8_t {  // numbers stand in the journal: never renumber
  kPending = 1,
  kRunning = 2,
  kCancelling = 3,
  kInterrupted = 4,
  kSucceeded = 5,
  kFailed = 6,
  kCancelled = 7,
  // Ended, and something stays behind that only credentials could remove which the agent has no
  // more. Its plan stays in the journal; Operations::RecoverOrphan.
  kOrphaned = 8,
};

inline bool HasEnded(State state) {
  return state >= State::kSucceeded;
}

struct StoredError {
  Code code = Code::kOk;
  std::string reason, message, hint;
  bool retryable = false;
  std::map<std::string, std::string> metadata;

  static StoredError From(const Status& status);
  Status ToStatus() const;
};

struct Progress {
  std::string step;
  double percent = 0;
  std::uint64_t bytes_done = 0, bytes_total = 0;
  double bytes_per_second = 0;
  std::string line;
  std::vector<StageFigures> stages;
  std::uint64_t rate_limit = 0;  // bytes a second; 0: none
};

// An operation as the journal has it; progress lives in memory only.
struct Record {
  std::string id;
  std::string kind;
  std::vector<std::string> targets;
  State state = State::kPending;
  std::string caller;
  std::string request_id;      // empty: none, or set free again because the call failed
  std::string request_digest;  // keyed HMAC of the request
  WallTime created;
  std::optional<WallTime> started, ended;
  StoredError error;
  std::string plan;            // the workflow's own: what recovery needs; never a secret
  std::string result;          // the workflow's own: what a repeated request_id is answered with
  bool result_secret = false;  // the answer held a secret and was not kept
  std::string backup_id;
  std::vector<std::string> notes;
  Progress progress;
};

}  // namespace dbagent::operations
