#pragma once

#include <chrono>
#include <string>

#include "dbagent/v1/operation.pb.h"

namespace dbagent::ctl {

// Shows an operation's progress on stderr: a bar that redraws itself on a terminal, a line per step
// and every ten seconds elsewhere, nothing with --json.
class ProgressView {
 public:
  explicit ProgressView(bool quiet);
  void Update(const v1::Operation& operation);
  void End();  // leaves the cursor on a fresh line

 private:
  const bool quiet_, terminal_;
  bool drawn_ = false;
  std::string last_;  // what a line-wise log said last, and when
  std::chrono::steady_clock::time_point last_time_;
};

// `[######----------]  42 %  dump  1.2 GiB of 3.0 GiB, 210 MiB/s, 0:08 left`, at most `width`
// columns.
std::string ProgressLine(const v1::Operation& operation, std::size_t width);

}  // namespace dbagent::ctl
