#include "datastores/postgresql/versions.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace dbagent::datastore::postgresql {
namespace {

constexpr const char* kDebianRoot = "/usr/lib/postgresql";

std::optional<std::uint32_t> Number(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

Status NotFound(const os::Path& path) {
  return Error(Code::kFailedPrecondition, "PROGRAM_NOT_FOUND",
               "unable to find the server's programs in '{}': there is no 'postgres'",
               path.string())
      .WithHint("install the package postgresql-15, or name its bin directory in the settings");
}

std::uint32_t MinorOf(const DatastoreInfo& info) {
  const std::size_t dot = info.version.find('.');
  if (dot == std::string::npos) return 0;
  return Number(std::string_view(info.version).substr(dot + 1)).value_or(0);
}

}  // namespace

Result<os::Path> FindPrograms(const os::Path& programs) {
  if (!programs.empty()) {
    ASSIGN_OR_RETURN(const bool found, os::Exists(programs / "postgres"));
    if (!found) return NotFound(programs);
    return programs;
  }
  for (std::uint32_t major = kNewestMajor; major >= kOldestMajor; --major) {
    const os::Path bin = os::Path(kDebianRoot) / std::to_string(major) / "bin";
    ASSIGN_OR_RETURN(const bool found, os::Exists(bin / "postgres"));
    if (found) return bin;
  }
  return NotFound(os::Path(kDebianRoot) / "*" / "bin");
}

Result<DatastoreInfo> ParseVersion(const std::string& output, bool allow_unknown_major) {
  // `postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)`, `postgres (PostgreSQL) 19beta1`
  static constexpr std::string_view kMark = "(PostgreSQL) ";
  const std::size_t mark = output.find(kMark);
  if (mark == std::string::npos) {
    return Error(Code::kFailedPrecondition, "VERSION_UNSUPPORTED",
                 "unable to read the server's version: '{}' is not PostgreSQL's answer",
                 output.substr(0, 100));
  }
  const std::size_t begin = mark + kMark.size();
  DatastoreInfo info{"postgresql", "PostgreSQL",
                     output.substr(begin, output.find_first_of(" \n", begin) - begin), 0};
  info.major = Number(info.version).value_or(0);
  if (info.major < kOldestMajor) {
    return Error(Code::kFailedPrecondition, "VERSION_UNSUPPORTED",
                 "unable to use PostgreSQL {}: {} to {} are accepted", info.version, kOldestMajor,
                 kNewestMajor);
  }
  if (info.major > kNewestMajor && !allow_unknown_major) {
    return Error(Code::kFailedPrecondition, "VERSION_UNSUPPORTED",
                 "unable to use PostgreSQL {}: it is newer than this agent ({} to {} are accepted)",
                 info.version, kOldestMajor, kNewestMajor)
        .WithHint("the setting allow_unknown_major lets it be tried");
  }
  return info;
}

Status CheckDataVersion(const DatastoreInfo& installed, const std::string& version) {
  if (Number(version) == installed.major) return Ok();
  return Error(Code::kFailedPrecondition, "VERSION_UNSUPPORTED",
               "its data is of PostgreSQL {}, and {} is installed", version, installed.version)
      .WithHint("install that major, or restore a logical backup");
}

std::vector<std::string> TablePrivileges(std::uint32_t major) {
  std::vector<std::string> words = {"SELECT",   "INSERT",     "UPDATE", "DELETE",
                                    "TRUNCATE", "REFERENCES", "TRIGGER"};
  if (major >= 17) words.push_back("MAINTAIN");
  return words;
}

bool MembershipHasGrantor(std::uint32_t major) {
  return major >= 16;
}

bool PsqlKnowsRestrict(const DatastoreInfo& info) {
  switch (info.major) {
    case 15:
      return MinorOf(info) >= 14;
    case 16:
      return MinorOf(info) >= 10;
    case 17:
      return MinorOf(info) >= 6;
    default:
      return info.major >= 18;
  }
}

bool HasTransactionTimeout(std::uint32_t major) {
  return major >= 17;
}

bool HasEventTriggersSwitch(std::uint32_t major) {
  return major >= 17;
}

std::string CurrentParameterName(const std::string& name, std::uint32_t major) {
  if (name == "sort_mem") return "work_mem";
  if (name == "vacuum_mem") return "maintenance_work_mem";
  if (name == "force_parallel_mode" && major >= 16) return "debug_parallel_query";
  if (name == "ssl_ecdh_curve" && major >= 18) return "ssl_groups";
  return name;
}

}  // namespace dbagent::datastore::postgresql
