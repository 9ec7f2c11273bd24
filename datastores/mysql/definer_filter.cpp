#include "datastores/mysql/definer_filter.h"

#include <array>
#include <optional>

#include "datastores/mysql/quote.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr std::array<std::string_view, 4> kBeginnings = {
    "CREATE DEFINER=",                      // routines
    "/*!50013 DEFINER=",                    // views
    "/*!50003 CREATE*/ /*!50017 DEFINER=",  // triggers
    "/*!50106 CREATE*/ /*!50117 DEFINER=",  // events
};
constexpr std::size_t kLongestAccount = 4096;  // quoted, more than the servers' limits give

// A name in backticks at `at`, which is moved behind it. Nothing when the text ends first or it is
// none.
std::optional<std::string> TakeQuoted(std::string_view text, std::size_t& at) {
  if (at >= text.size() || text[at] != '`') return std::nullopt;
  std::string name;
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] != '`') {
      name += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '`') {
      name += text[i++];
    } else if (i + 1 == text.size()) {
      return std::nullopt;  // the next byte may be a second backtick
    } else {
      at = i + 1;
      return name;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string DefinerFilter::Pass(std::string_view text) {
  std::string out;
  out.reserve(text.size() + held_.size());
  while (!text.empty()) {
    if (in_line_) {
      const std::size_t end = std::min(text.find('\n'), text.size() - 1);
      in_line_ = text[end] != '\n';
      out += text.substr(0, end + 1);
      text.remove_prefix(end + 1);
      continue;
    }
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    held_ += text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    if (!TakeLineStart(out)) continue;
    in_line_ = held_.empty() ? out.back() != '\n' : held_.back() != '\n';
    out += std::exchange(held_, {});
  }
  return out;
}

bool DefinerFilter::TakeLineStart(std::string& out) {
  const std::string_view line = held_;
  for (const std::string_view beginning : kBeginnings) {
    if (line.size() < beginning.size() && beginning.starts_with(line)) return false;
    if (!line.starts_with(beginning)) continue;
    std::size_t at = beginning.size();
    const std::optional<std::string> user = TakeQuoted(line, at);
    const bool has_host = user && at < line.size() && line[at] == '@';
    if (has_host) ++at;
    const std::optional<std::string> host = has_host ? TakeQuoted(line, at) : std::nullopt;
    if (!host)
      return line.ends_with('\n') ||
             line.size() > kLongestAccount;  // none that we know how to read, or more to come
    if (existing_.contains({*user, *host})) return true;
    if (!replacement_) {
      missing_.emplace_back(*user, *host);
      existing_.emplace(*user, *host);
      return true;
    }
    out += beginning;
    out += QuoteIdentifier(replacement_->first) + "@" + QuoteIdentifier(replacement_->second);
    held_.erase(0, at);
    return true;
  }
  return true;
}

}  // namespace dbagent::datastore::mysql
