#include "agent/workflows/configuration_store.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "agent/workflows/parameters.h"

namespace dbagent::workflows {
namespace {

constexpr std::size_t kMostRevisions = 100;

template <typename Message>
Result<Message> ReadJson(const os::Path& path) {
  ASSIGN_OR_RETURN(const std::string text, os::ReadFile(path));
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // of a newer agent
  Message message;
  if (google::protobuf::util::JsonStringToMessage(text, &message, options).ok()) return message;
  return Error(Code::kDataLoss, "CONFIGURATION_CORRUPT",
               "unable to read '{}': it is not what the agent writes there", path.native())
      .WithHint("the server and its own files are not touched; bring the file back from a backup");
}

Status WriteJson(const os::Path& path, const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = true;  // people read it
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) {
    return Error(Code::kInternal, "JSON_FAILED", "unable to write '{}': a value is not UTF-8",
                 path.native());
  }
  RETURN_IF_ERROR(os::MakeDirectories(path.parent_path(), 0700));
  return os::WriteFileAtomic(path, text, 0600);
}

}  // namespace

os::Path ConfigurationStore::FileOf(std::uint64_t number) const {
  return directory_ / "revisions" / std::to_string(number);
}

Result<internal::ConfigurationState> ConfigurationStore::State() const {
  const os::Path path = directory_ / "state";
  ASSIGN_OR_RETURN(const bool there, os::Exists(path));
  if (there) return ReadJson<internal::ConfigurationState>(path);
  return Error(Code::kFailedPrecondition, "CONFIGURATION_MISSING",
               "unable to tell the configuration: an older agent prepared this instance and kept "
               "none")
      .WithHint("back it up and prepare it anew from that backup");
}

Status ConfigurationStore::SetState(const internal::ConfigurationState& state) const {
  return WriteJson(directory_ / "state", state);
}

Result<internal::StoredRevision> ConfigurationStore::Revision(std::uint64_t number) const {
  ASSIGN_OR_RETURN(const bool there, os::Exists(FileOf(number)));
  if (there) return ReadJson<internal::StoredRevision>(FileOf(number));
  return Error(Code::kNotFound, "REVISION_NOT_FOUND", "no revision {} of the configuration", number)
      .WithHint("`dbagentctl config history` lists those that are kept");
}

Status ConfigurationStore::SetRevision(const internal::StoredRevision& revision) const {
  return WriteJson(FileOf(revision.revision().number()), revision);
}

Result<std::vector<std::uint64_t>> ConfigurationStore::Numbers() const {
  return os::ListNumbers(directory_ / "revisions");
}

Status ConfigurationStore::Prune(const std::vector<std::uint64_t>& keep) const {
  ASSIGN_OR_RETURN(const std::vector<std::uint64_t> numbers, Numbers());
  for (std::size_t i = 0; i + kMostRevisions < numbers.size(); ++i) {
    if (std::find(keep.begin(), keep.end(), numbers[i]) == keep.end())
      RETURN_IF_ERROR(os::RemoveFile(FileOf(numbers[i])));
  }
  return Ok();
}

Result<std::optional<datastore::Description>> ConfigurationStore::Described() const {
  const os::Path path = directory_ / "described";
  ASSIGN_OR_RETURN(const bool there, os::Exists(path));
  if (!there) return std::optional<datastore::Description>();
  ASSIGN_OR_RETURN(const auto stored, ReadJson<internal::StoredDescription>(path));
  datastore::Description description;
  description.server_version = stored.server_version();
  for (const internal::StoredParameter& parameter : stored.parameters()) {
    description.parameters.push_back(FromProto(parameter.parameter()));
    description.parameters.back().origin =
        static_cast<datastore::ParameterOrigin>(parameter.origin());
    description.parameters.back().origin_detail = parameter.origin_detail();
  }
  return std::optional(std::move(description));
}

Status ConfigurationStore::SetDescribed(const datastore::Description& description) const {
  internal::StoredDescription stored;
  stored.set_server_version(description.server_version);
  for (const datastore::Parameter& parameter : description.parameters) {
    internal::StoredParameter& kept = *stored.add_parameters();
    *kept.mutable_parameter() = ToProto(parameter);
    kept.set_origin(static_cast<std::uint32_t>(parameter.origin));
    kept.set_origin_detail(parameter.origin_detail);
  }
  return WriteJson(directory_ / "described", stored);
}

Result<os::Path> ConfigurationStore::KeepEdited(std::uint64_t number, const os::Path& name,
                                                const std::string& text) const {
  const os::Path kept = directory_ / "edited" / fmt::format("{}-{}", number, name.native());
  RETURN_IF_ERROR(os::MakeDirectories(kept.parent_path(), 0700));
  RETURN_IF_ERROR(os::WriteFileAtomic(kept, text, 0600));
  return kept;
}

Status ConfigurationStore::RemoveAll() const {
  return os::RemoveTree(directory_);
}

datastore::ConfigurationSet SetOf(const internal::StoredRevision& stored) {
  datastore::ConfigurationSet set;
  set.flavor = {stored.revision().memory_bytes(), stored.revision().cores()};
  set.server_id = stored.server_id();
  set.allowed_networks = {stored.allowed_networks().begin(), stored.allowed_networks().end()};
  set.template_values = {stored.template_values().begin(), stored.template_values().end()};
  set.group = {stored.revision().values().begin(), stored.revision().values().end()};
  return set;
}

datastore::RenderedSet FilesOf(const internal::StoredRevision& stored) {
  datastore::RenderedSet files;
  for (const internal::StoredFile& file : stored.layers())
    files.layers.push_back({file.name(), file.text()});
  for (const internal::StoredFile& file : stored.entries())
    files.entries.push_back({file.name(), file.text()});
  return files;
}

void SetFiles(const datastore::RenderedSet& files, internal::StoredRevision& stored) {
  const auto fill = [](const std::vector<datastore::ConfigurationFile>& from, auto& to) {
    to.Clear();
    for (const datastore::ConfigurationFile& file : from) {
      internal::StoredFile& kept = *to.Add();
      kept.set_name(file.name);
      kept.set_text(file.text);
    }
  };
  fill(files.layers, *stored.mutable_layers());
  fill(files.entries, *stored.mutable_entries());
}

}  // namespace dbagent::workflows
