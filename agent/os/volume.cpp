#include "agent/os/volume.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <string_view>

namespace dbagent::os {
namespace {

constexpr std::string_view kLinkPrefix = "generations/";

// A generation's number as its directory is named: decimal, no leading zero, not 0.
std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  if (text.empty() || text.front() == '0') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Generation Volume::generation(std::uint64_t number) const {
  const Path root = generations() / std::to_string(number);
  return {number, root, root / "data", root / "log", root / "tablespaces", root / "tmp"};
}

Status Volume::MakeLayout() const {
  RETURN_IF_ERROR(MakeDirectories(root_, 0755));
  RETURN_IF_ERROR(MakeDirectories(agent(), 0700));
  RETURN_IF_ERROR(MakeDirectories(config(), 0755));
  return MakeDirectories(generations(), 0755);
}

Result<std::optional<std::uint64_t>> Volume::CurrentNumber() const {
  char target[PATH_MAX];
  const ssize_t length = readlink(current().c_str(), target, sizeof target);
  if (length < 0 && errno == ENOENT) return std::optional<std::uint64_t>();
  if (length < 0 && errno != EINVAL) return ErrnoError("read link", current(), errno);
  std::optional<std::uint64_t> number;
  if (length >= 0) {
    std::string_view text(target, static_cast<std::size_t>(length));
    if (text.starts_with(kLinkPrefix)) number = ParseNumber(text.substr(kLinkPrefix.size()));
  }
  if (number) return number;
  return Error(Code::kFailedPrecondition, "CORRUPT_VOLUME",
               "unable to use '{}': it is no link to a generation", current().native());
}

Result<std::vector<std::uint64_t>> Volume::Numbers() const {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(generations()));
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : names) {
    if (const auto number = ParseNumber(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace dbagent::os
