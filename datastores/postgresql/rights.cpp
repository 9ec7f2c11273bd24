#include "datastores/postgresql/rights.h"

#include <algorithm>
#include <cctype>

#include "datastores/postgresql/versions.h"

namespace dbagent::datastore::postgresql {
namespace {

Rights Make(Rights::Words database, Rights::Words schema, Rights::Words table,
            Rights::Words sequence, Rights::Words routine) {
  Rights rights;
  rights.of(Kind::kDatabase) = std::move(database);
  rights.of(Kind::kSchema) = std::move(schema);
  rights.of(Kind::kTable) = std::move(table);
  rights.of(Kind::kSequence) = std::move(sequence);
  rights.of(Kind::kRoutine) = std::move(routine);
  return rights;
}

std::string Upper(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return word == "TEMP" ? "TEMPORARY" : word;
}

Status Unknown(const std::string& word, std::uint32_t major) {
  std::string known;
  for (const auto& [name, rights] : KnownPrivileges(major))
    known += (known.empty() ? "" : ", ") + name;
  return Error(Code::kInvalidArgument, "PRIVILEGE_UNKNOWN",
               "unable to grant '{}': no such privilege", word)
      .WithHint("known are: " + known);
}

}  // namespace

bool Rights::Contains(const Rights& other) const {
  return std::all_of(kKinds.begin(), kKinds.end(), [&](Kind kind) {
    return std::includes(of(kind).begin(), of(kind).end(), other.of(kind).begin(),
                         other.of(kind).end());
  });
}

void Rights::Add(const Rights& other) {
  for (const Kind kind : kKinds) of(kind).insert(other.of(kind).begin(), other.of(kind).end());
}

std::string Joined(const Rights::Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Rights RightsOfSet(PrivilegeSet set, std::uint32_t major) {
  switch (set) {
    case PrivilegeSet::kNone:
      return {};
    case PrivilegeSet::kReadOnly:
      return Make({"CONNECT"}, {"USAGE"}, {"SELECT"}, {"SELECT"}, {});
    case PrivilegeSet::kReadWrite:
      // without TRUNCATE, as the server's own pg_write_all_data: it passes by triggers and other
      // sessions' snapshots
      return Make({"CONNECT", "TEMPORARY"}, {"USAGE"}, {"SELECT", "INSERT", "UPDATE", "DELETE"},
                  {"SELECT", "UPDATE", "USAGE"}, {"EXECUTE"});
    case PrivilegeSet::kAll: {
      const std::vector<std::string> table = TablePrivileges(major);
      return Make({"CONNECT", "TEMPORARY", "CREATE"}, {"USAGE", "CREATE"},
                  {table.begin(), table.end()}, {"SELECT", "UPDATE", "USAGE"}, {"EXECUTE"});
    }
  }
  return {};
}

std::vector<std::pair<std::string, Rights>> KnownPrivileges(std::uint32_t major) {
  std::vector<std::pair<std::string, Rights>> known;
  for (const char* word : {"CONNECT", "CREATE", "TEMPORARY"})
    known.emplace_back(word, Make({word}, {}, {}, {}, {}));
  for (const std::string& word : TablePrivileges(major)) {
    const bool of_sequences = word == "SELECT" || word == "UPDATE";
    known.emplace_back(
        word, Make({}, {}, {word}, of_sequences ? Rights::Words{word} : Rights::Words{}, {}));
  }
  known.emplace_back("USAGE", Make({}, {"USAGE"}, {}, {"USAGE"}, {}));
  known.emplace_back("EXECUTE", Make({}, {}, {}, {}, {"EXECUTE"}));
  return known;
}

Result<Rights> RightsOfGrant(const Grant& grant, std::uint32_t major) {
  if (grant.set != PrivilegeSet::kNone && !grant.privileges.empty()) {
    return Error(Code::kInvalidArgument, "FIELD_INVALID",
                 "a grant names a set or privileges, not both");
  }
  if (grant.set == PrivilegeSet::kNone && grant.privileges.empty()) {
    return Error(Code::kInvalidArgument, "FIELD_INVALID",
                 "a grant names neither a set nor privileges");
  }
  if (!grant.object.empty()) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "a grant is of a whole database, not of '{}'", grant.object);
  }
  Rights rights = RightsOfSet(grant.set, major);
  const auto known = KnownPrivileges(major);
  for (const std::string& word : grant.privileges) {
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const auto& entry) { return entry.first == Upper(word); });
    if (found == known.end()) return Unknown(word, major);
    rights.Add(found->second);
  }
  return rights;
}

}  // namespace dbagent::datastore::postgresql
