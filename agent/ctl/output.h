#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "agent/base/status.h"
#include "dbagent/v1/common.pb.h"
#include "dbagent/v1/operation.pb.h"

namespace dbagent::ctl {

// Exit codes, documented in `dbagentctl --help`.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,           // the agent refused or failed
  kUsage = 2,            // wrong command line
  kUnreachable = 3,      // no answer from the agent
  kPartly = 4,           // some items of a batch failed
  kOperationFailed = 5,  // the operation ended as failed or cancelled
};

// Rows under a header, columns as wide as their widest cell (in characters; wide scripts count by
// wcwidth).
class Table {
 public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// One line of JSON (protobuf's mapping, field names as in the proto files).
std::string ToJson(const google::protobuf::Message& message);
// `2026-11-23 15:30:12` in local time, `-` when unset.
std::string ShowTime(std::int64_t seconds);
// `error: …`, `reason: …`, `hint: …` to stderr (as JSON too, when asked). Answers the exit code
// that fits.
int ShowError(const Status& status, bool json);
Status ItemError(const v1::Error& error);

// What each stage of a backup's pipeline did.
std::string StageTable(const google::protobuf::RepeatedPtrField<v1::StageFigures>& stages);

}  // namespace dbagent::ctl
