#include "agent/config/yaml_reader.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "agent/base/edit_distance.h"

namespace dbagent::config {
namespace {

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string NearestHint(const std::string& word, const std::vector<std::string>& known) {
  const auto nearest =
      std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
        return EditDistance(word, a) < EditDistance(word, b);
      });
  if (nearest == known.end()) return {};
  const bool near = EditDistance(word, *nearest) <= std::max<std::size_t>(2, word.size() / 3);
  // a key that was cut short is far by edits, and meant all the same
  if (near || nearest->starts_with(word)) return fmt::format("did you mean '{}'?", *nearest);
  return "known here: " + Join(known);
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// `<digits><unit>`; nothing when it is not that or overflows.
std::optional<std::uint64_t> WithUnit(std::string_view text, std::initializer_list<Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& known : units) {
    if (unit == known.name && number <= UINT64_MAX / known.factor) return number * known.factor;
  }
  return std::nullopt;
}

}  // namespace

void Reader::Report(const YAML::Node& at, std::string message, std::string hint) {
  const YAML::Mark mark = at.IsDefined() ? at.Mark() : YAML::Mark::null_mark();
  problems_.push_back({mark.line + 1, mark.column + 1, std::move(message), std::move(hint)});
}

Section::Section(Reader& reader, const YAML::Node& node, std::string path)
    : reader_(reader), node_(node), path_(std::move(path)) {
  if (present() && !node_.IsMap()) {
    reader_.Report(node_, fmt::format("'{}' must be a mapping of keys to values", path_));
    node_.reset();
  }
}

YAML::Node Section::Take(const char* key, bool required) {
  known_.emplace_back(key);
  YAML::Node value;
  if (present()) {
    for (const auto& pair : node_) {
      if (pair.first.IsScalar() && pair.first.Scalar() == key) {
        value.reset(pair.second);
        break;
      }
    }
  }
  if (required && (!value.IsDefined() || value.IsNull())) {
    reader_.Report(node_, fmt::format("'{}' is missing", Named(key)), reader_.where_explained());
  }
  return value;
}

bool Section::Scalar(const char* key, bool required, const char* expected, std::string& out,
                     YAML::Node& at) {
  at.reset(Take(key, required));
  if (!at.IsDefined() || at.IsNull()) return false;
  if (!at.IsScalar()) {
    reader_.Report(at, fmt::format("'{}' must be {}", Named(key), expected));
    return false;
  }
  out = at.Scalar();
  return true;
}

void Section::Text(const char* key, std::string& out, bool required) {
  YAML::Node at;
  std::string text;
  if (!Scalar(key, required, "a text", text, at)) return;
  if (text.empty()) return reader_.Report(at, fmt::format("'{}' is empty", Named(key)));
  out = text;
}

void Section::OneOf(const char* key, std::string& out,
                    std::initializer_list<std::string_view> values, bool required) {
  YAML::Node at;
  std::string text;
  if (!Scalar(key, required, "a text", text, at)) return;
  if (std::find(values.begin(), values.end(), text) == values.end()) {
    return reader_.Report(
        at, fmt::format("'{}' cannot be '{}'", Named(key), text),
        NearestHint(text, std::vector<std::string>(values.begin(), values.end())));
  }
  out = text;
}

void Section::AbsolutePath(const char* key, Path& out, bool required) {
  YAML::Node at;
  std::string text;
  if (!Scalar(key, required, "a path", text, at)) return;
  if (!text.starts_with('/')) {
    return reader_.Report(
        at, fmt::format("'{}' must be an absolute path, '{}' is not", Named(key), text),
        "begin it with /");
  }
  out = Path(text).lexically_normal();
}

void Section::Flag(const char* key, bool& out) {
  YAML::Node at;
  std::string text;
  if (!Scalar(key, false, "true or false", text, at)) return;
  if (text != "true" && text != "false") {
    return reader_.Report(at,
                          fmt::format("'{}' must be true or false, '{}' is not", Named(key), text));
  }
  out = text == "true";
}

void Section::Number(const char* key, std::uint64_t low, std::uint64_t high, std::uint64_t& out) {
  YAML::Node at;
  std::string text;
  if (!Scalar(key, false, "a whole number", text, at)) return;
  const auto value = WithUnit(text, {{"", 1}});
  if (!value)
    return reader_.Report(
        at, fmt::format("'{}' must be a whole number, '{}' is not", Named(key), text));
  if (*value < low || *value > high) {
    return reader_.Report(
        at, fmt::format("'{}' must be between {} and {}, {} is not", Named(key), low, high, text));
  }
  out = *value;
}

void Section::Size(const char* key, std::uint64_t low, std::uint64_t high, std::uint64_t& out) {
  YAML::Node at;
  std::string text;
  if (!Scalar(key, false, "a size", text, at)) return;
  const auto value =
      WithUnit(text, {{"B", 1}, {"KiB", 1ULL << 10U}, {"MiB", 1ULL << 20U}, {"GiB", 1ULL << 30U}});
  if (!value) {
    return reader_.Report(
        at, fmt::format("'{}' must be a size with a unit, '{}' is not", Named(key), text),
        "write it like 64MiB (units: B, KiB, MiB, GiB)");
  }
  if (*value < low || *value > high) {
    return reader_.Report(at, fmt::format("'{}' must be between {} and {} bytes, {} is not",
                                          Named(key), low, high, text));
  }
  out = *value;
}

void Section::Duration(const char* key, std::chrono::seconds low, std::chrono::seconds high,
                       std::chrono::seconds& out) {
  YAML::Node at;
  std::string text;
  if (!Scalar(key, false, "a duration", text, at)) return;
  const auto value = WithUnit(text, {{"s", 1}, {"m", 60}, {"h", 3600}});
  if (!value) {
    return reader_.Report(
        at, fmt::format("'{}' must be a duration with a unit, '{}' is not", Named(key), text),
        "write it like 30s (units: s, m, h)");
  }
  if (*value < static_cast<std::uint64_t>(low.count()) ||
      *value > static_cast<std::uint64_t>(high.count())) {
    return reader_.Report(at, fmt::format("'{}' must be between {}s and {}s, {} is not", Named(key),
                                          low.count(), high.count(), text));
  }
  out = std::chrono::seconds(*value);
}

void Section::TextList(const char* key, std::vector<std::string>& out) {
  const YAML::Node list = Take(key, false);
  if (!list.IsDefined() || list.IsNull()) return;
  if (!list.IsSequence())
    return reader_.Report(list, fmt::format("'{}' must be a list", Named(key)),
                          "write it like [a, b]");
  out.clear();
  for (const YAML::Node& item : list) {
    if (item.IsScalar() && !item.Scalar().empty()) {
      out.push_back(item.Scalar());
    } else {
      reader_.Report(item, fmt::format("an item of '{}' is not a text", Named(key)));
    }
  }
}

void Section::SecretPlace(const char* key, SecretSource& out, bool required) {
  YAML::Node at;
  at.reset(Take(key, required));
  if (!at.IsDefined() || at.IsNull()) return;
  if (!at.IsMap()) {
    return reader_.Report(at, fmt::format("'{}' must not stand in this file", Named(key)),
                          "put it into a file that only the agent's user can read and write "
                          "{file: /path}, or {credential: NAME} for one of systemd's");
  }
  Section place(reader_, at, Named(key));
  place.AbsolutePath("file", out.file);
  place.Text("credential", out.credential);
  place.Finish();
  if (out.credential.find('/') != std::string::npos || out.credential.starts_with('.'))
    reader_.Report(at["credential"], fmt::format("'{}' cannot name a credential", out.credential),
                   "give the name of LoadCredential=, which is no path");
  if (!out.file.empty() && !out.credential.empty())
    reader_.Report(at, fmt::format("'{}' names a file and a credential", Named(key)),
                   "keep one of them");
  if (at.size() == 0)
    reader_.Report(at, fmt::format("'{}' names neither a file nor a credential", Named(key)),
                   "write {file: /path} or {credential: NAME}");
  out.line = at.Mark().line + 1;
  out.column = at.Mark().column + 1;
}

Section Section::Child(const char* key, bool required) {
  return Section(reader_, Take(key, required), Named(key));
}

void Section::EachItem(const char* key, const std::function<void(Section)>& use) {
  const YAML::Node list = Take(key, false);
  if (!list.IsDefined() || list.IsNull()) return;
  if (!list.IsSequence())
    return reader_.Report(list, fmt::format("'{}' must be a list", Named(key)));
  for (const YAML::Node& item : list) use(Section(reader_, item, Named(key) + "[]"));
}

void Section::EachPair(const char* key,
                       const std::function<void(const std::string&, const YAML::Node&)>& use) {
  const YAML::Node map = Take(key, false);
  if (!map.IsDefined() || map.IsNull()) return;
  if (!map.IsMap())
    return reader_.Report(map, fmt::format("'{}' must be a mapping of keys to values", Named(key)));
  std::set<std::string> seen;
  for (const auto& pair : map) {
    const std::string name = pair.first.IsScalar() ? pair.first.Scalar() : "";
    if (!seen.insert(name).second) {
      reader_.Report(pair.first, fmt::format("'{}.{}' stands twice", Named(key), name),
                     "keep one of them");
      continue;
    }
    use(name, pair.second);
  }
}

void Section::Finish() {
  if (!present()) return;
  std::set<std::string> seen;
  for (const auto& pair : node_) {
    const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : "";
    if (!seen.insert(key).second) {
      reader_.Report(pair.first, fmt::format("'{}' stands twice", Named(key.c_str())),
                     "keep one of them");
    } else if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
      reader_.Report(pair.first, fmt::format("unknown key '{}'", Named(key.c_str())),
                     NearestHint(key, known_));
    }
  }
}

}  // namespace dbagent::config
