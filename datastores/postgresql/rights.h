#pragma once

#include <array>
#include <set>
#include <string>
#include <vector>

#include "datastores/datastore.h"

// What a privilege set or word means per kind of object. README.md has the same as a table.
// Threads: any; values.
namespace dbagent::datastore::postgresql {

enum class Kind : std::uint8_t { kDatabase, kSchema, kTable, kSequence, kRoutine };
inline constexpr std::array<Kind, 5> kKinds = {Kind::kDatabase, Kind::kSchema, Kind::kTable,
                                               Kind::kSequence, Kind::kRoutine};
// The kinds that a database holds, which can have default privileges.
inline constexpr std::array<Kind, 4> kObjectKinds = {Kind::kSchema, Kind::kTable, Kind::kSequence,
                                                     Kind::kRoutine};

class Rights {
 public:
  using Words = std::set<std::string>;
  Words& of(Kind kind) { return words_[static_cast<std::size_t>(kind)]; }
  const Words& of(Kind kind) const { return words_[static_cast<std::size_t>(kind)]; }
  bool Has(Kind kind, const std::string& word) const { return of(kind).contains(word); }
  bool Contains(const Rights& other) const;
  void Add(const Rights& other);

 private:
  std::array<Words, kKinds.size()> words_;
};

// `SELECT, UPDATE`, for SQL.
std::string Joined(const Rights::Words& words);

Rights RightsOfSet(PrivilegeSet set, std::uint32_t major);
// Every word that a grant may name, with what it means.
std::vector<std::pair<std::string, Rights>> KnownPrivileges(std::uint32_t major);
// Of a grant as asked for: a set or words in any case. PRIVILEGE_UNKNOWN.
Result<Rights> RightsOfGrant(const Grant& grant, std::uint32_t major);

}  // namespace dbagent::datastore::postgresql
