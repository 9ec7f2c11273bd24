#include <string>

#include "datastores/mysql/definer_filter.h"
#include "tests/fuzz/fuzz_target.h"

using namespace dbagent::datastore::mysql;

namespace {

std::string Filtered(std::string_view text, std::size_t piece) {
  DefinerFilter filter(std::set<AccountName>{{"here", "%"}});
  filter.Replace({"agent", "localhost"});
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    out += filter.Pass(text.substr(0, piece));
  return out + filter.Finish();
}

}  // namespace

// However a dump is cut into pieces, the same comes out; a text without the word passes unchanged.
void Try(std::string_view input) {
  if (input.empty()) return;
  const std::size_t piece = static_cast<unsigned char>(input.front()) % 32 + 1;
  input.remove_prefix(1);
  const std::string whole = Filtered(input, input.size() + 1);
  Require(Filtered(input, piece) == whole, "the cut does not matter");
  if (input.find("DEFINER") == std::string_view::npos)
    Require(whole == input, "a text without a definer passes as it is");
}
