#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dbagent::datastore::mysql {

using AccountName = std::pair<std::string, std::string>;  // user, host

// Looks at the DEFINER clauses of a dump as it passes: an account that does not exist is reported,
// or becomes another one. Clauses are looked for only where the dump tools write them, at the
// beginning of a line; data has no line breaks of its own there.
class DefinerFilter {
 public:
  explicit DefinerFilter(std::set<AccountName> existing) : existing_(std::move(existing)) {}
  // Accounts that do not exist become this one, from now on.
  void Replace(AccountName replacement) { replacement_ = std::move(replacement); }

  // What may be passed on now; at most a line's beginning is held back.
  std::string Pass(std::string_view text);
  // Accounts that do not exist, each once: named by what Pass gave out since the last call.
  std::vector<AccountName> TakeMissing() { return std::exchange(missing_, {}); }
  // What was held back, at the end.
  std::string Finish() { return std::exchange(held_, {}); }

 private:
  // Takes the beginning of a line from `held_` into `out`; false when it must be longer to tell.
  bool TakeLineStart(std::string& out);

  std::set<AccountName> existing_;
  std::optional<AccountName> replacement_;
  std::vector<AccountName> missing_;
  bool in_line_ = false;  // past a line's beginning: everything goes through until its end
  std::string held_;
};

}  // namespace dbagent::datastore::mysql
