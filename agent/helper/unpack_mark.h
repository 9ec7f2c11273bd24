#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "agent/helper/beneath.h"

namespace dbagent::helper {

// How far an archive is unpacked, in a file beside what is unpacked: `<bytes>\n`. Who unpacks it
// again into the same place, after he was killed or the machine lost its power, goes on from there.
// It never says that nothing is left: an input that ends early, because its writer died, looks like
// one that is whole. One thread at a time.
class UnpackMark {
 public:
  // Reads what an earlier one left there. One that cannot be read counts as at the beginning.
  static Result<UnpackMark> Open(os::Path file, std::chrono::milliseconds interval);

  // Something of the archive may be there already, which is to be written over.
  bool again() const { return again_; }
  // What of the archive is on the disk and need not be read again.
  std::uint64_t begin() const { return begin_; }

  // Everything before byte `at` of the archive is written. From time to time (`interval`) this
  // brings it to the disk and says so in the file.
  Status Pass(std::uint64_t at, Beneath& into);

 private:
  UnpackMark(os::Path file, std::chrono::milliseconds interval)
      : file_(std::move(file)), interval_(interval) {}
  Status Write(const std::string& text) const;

  os::Path file_;
  std::chrono::milliseconds interval_;
  bool again_ = false;
  std::uint64_t begin_ = 0;
  std::chrono::steady_clock::time_point written_ = std::chrono::steady_clock::now();
};

}  // namespace dbagent::helper
