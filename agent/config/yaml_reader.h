#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/settings.h"

namespace dbagent::config {

// Walks a YAML document and collects what is wrong with it. A key that nobody asked for is a
// problem, and so is one that stands twice (yaml-cpp 0.7 keeps both silently). Exceptions of
// yaml-cpp end here.
class Reader {
 public:
  // `where_explained` is the hint for what is missing.
  explicit Reader(
      std::vector<Problem>& problems,
      std::string where_explained = "every setting is explained in settings.example.yaml")
      : problems_(problems), where_explained_(std::move(where_explained)) {}

  void Report(const YAML::Node& at, std::string message, std::string hint = {});
  const std::string& where_explained() const { return where_explained_; }

 private:
  std::vector<Problem>& problems_;
  const std::string where_explained_;
};

// One mapping of the document. Each getter marks its key as known; Finish reports the others.
class Section {
 public:
  // `path` names it in messages: `datastore`.
  Section(Reader& reader, const YAML::Node& node, std::string path);

  bool present() const { return static_cast<bool>(node_) && !node_.IsNull(); }
  const YAML::Node& node() const { return node_; }
  Reader& reader() { return reader_; }
  const std::string& path() const { return path_; }

  void Text(const char* key, std::string& out, bool required = false);
  void OneOf(const char* key, std::string& out, std::initializer_list<std::string_view> values,
             bool required = false);
  void AbsolutePath(const char* key, Path& out, bool required = false);
  void Flag(const char* key, bool& out);
  void Number(const char* key, std::uint64_t low, std::uint64_t high, std::uint64_t& out);
  void Size(const char* key, std::uint64_t low, std::uint64_t high, std::uint64_t& out);  // `64MiB`
  void Duration(const char* key, std::chrono::seconds low, std::chrono::seconds high,
                std::chrono::seconds& out);  // `30s`
  // Where a secret is found: `{file: /path}` or `{credential: NAME}`. The secret itself is refused.
  void SecretPlace(const char* key, SecretSource& out, bool required = false);
  void TextList(const char* key, std::vector<std::string>& out);
  Section Child(const char* key, bool required = false);
  void EachItem(const char* key, const std::function<void(Section)>& use);
  void EachPair(const char* key,
                const std::function<void(const std::string& name, const YAML::Node& value)>& use);
  // Reports unknown and duplicate keys. Call it when all known keys were asked for.
  void Finish();

 private:
  YAML::Node Take(const char* key, bool required);
  bool Scalar(const char* key, bool required, const char* expected, std::string& out,
              YAML::Node& at);
  std::string Named(const char* key) const { return path_.empty() ? key : path_ + "." + key; }

  Reader& reader_;
  YAML::Node node_;
  std::string path_;
  std::vector<std::string> known_;
};

}  // namespace dbagent::config
