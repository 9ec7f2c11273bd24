#include "datastores/mysql/load_order.h"

#include <map>
#include <set>

#include "datastores/mysql/quote.h"

namespace dbagent::datastore::mysql {
namespace {

// Whether the definition has the database's name in front of another; not as the end of a longer
// one.
bool Names(const std::string& definition, const std::string& database) {
  const std::string quoted = QuoteIdentifier(database) + ".";
  for (std::size_t at = definition.find(quoted); at != std::string::npos;
       at = definition.find(quoted, at + 1)) {
    if (at == 0 || definition[at - 1] != '`') return true;
  }
  return false;
}

class Sorter {
 public:
  explicit Sorter(std::map<std::string, std::set<std::string>> needs) : needs_(std::move(needs)) {}

  // What it needs, then itself. A circle ends where it would begin again.
  void Add(const std::string& database) {
    if (!seen_.insert(database).second) return;
    for (const std::string& needed : needs_[database]) Add(needed);
    ordered_.push_back(database);
  }
  std::vector<std::string> ordered() && { return std::move(ordered_); }

 private:
  std::map<std::string, std::set<std::string>> needs_;
  std::set<std::string> seen_;
  std::vector<std::string> ordered_;
};

}  // namespace

LoadSequence LoadOrder(const std::vector<std::string>& databases,
                       const std::vector<ViewText>& views) {
  std::map<std::string, std::set<std::string>> needs;
  for (const auto& [database, definition] : views) {
    for (const std::string& other : databases) {
      if (other != database && Names(definition, other)) needs[database].insert(other);
    }
  }
  const bool one_by_one = !needs.empty();
  Sorter sorter(std::move(needs));
  for (const std::string& database : databases) sorter.Add(database);
  return {std::move(sorter).ordered(), one_by_one};
}

}  // namespace dbagent::datastore::mysql
