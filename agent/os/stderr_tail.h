#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "agent/base/unique_fd.h"

namespace dbagent::os {

// Reads a pipe to its end on a thread of its own, so that the writer never blocks, and keeps the
// last 4 KiB. Threads: any.
class StderrTail {
 public:
  static constexpr std::size_t kKept = 4096;

  // `wake` is an event descriptor of the tail's own.
  StderrTail(UniqueFd pipe, UniqueFd wake);
  ~StderrTail() { Finish(); }
  StderrTail(const StderrTail&) = delete;
  StderrTail& operator=(const StderrTail&) = delete;

  // Takes what is in the pipe now and stops: for when the writer has ended, since a stray process
  // may still hold the pipe open. Once from one thread.
  void Finish();
  std::string text() const;

 private:
  void Run();
  // Whether there can be more.
  bool ReadOnce();

  const UniqueFd pipe_, wake_;
  mutable std::mutex mutex_;
  std::string text_;
  std::thread thread_;
};

}  // namespace dbagent::os
