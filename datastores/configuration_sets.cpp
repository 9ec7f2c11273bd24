#include "datastores/configuration_sets.h"

#include "agent/base/kill_point.h"

namespace dbagent::datastore {
namespace {

constexpr mode_t kFileMode = 0644, kDirectoryMode = 0755;  // the server reads them
constexpr std::size_t kLargestFile = 4U << 20U;

os::Path SetsOf(const os::Volume& volume) {
  return volume.config() / "sets";
}

}  // namespace

os::Path SetDirectory(const os::Volume& volume, std::uint64_t number) {
  return SetsOf(volume) / std::to_string(number);
}

Status WriteSet(const os::Volume& volume, std::uint64_t number, const RenderedSet& set) {
  const os::Path directory = SetDirectory(volume, number);
  RETURN_IF_ERROR(os::RemoveTree(directory));
  RETURN_IF_ERROR(os::MakeDirectories(directory, kDirectoryMode));
  for (const ConfigurationFile& file : set.layers) {
    RETURN_IF_ERROR(os::WriteFileAtomic(directory / file.name, file.text, kFileMode));
    KillPoint("configuration.file_written");
  }
  return Ok();
}

Status SelectSet(const os::Volume& volume, const RenderedSet& set) {
  for (const ConfigurationFile& file : set.entries)
    RETURN_IF_ERROR(os::WriteFileAtomic(volume.config() / file.name, file.text, kFileMode));
  return Ok();
}

Status RemoveSet(const os::Volume& volume, std::uint64_t number) {
  return os::RemoveTree(SetDirectory(volume, number));
}

Result<std::vector<std::uint64_t>> SetNumbers(const os::Volume& volume) {
  return os::ListNumbers(SetsOf(volume));
}

std::vector<ChangedFile> ChangedFiles(const os::Volume& volume, std::uint64_t number,
                                      const RenderedSet& set) {
  std::vector<ChangedFile> changed;
  const auto compare = [&](const os::Path& directory, const std::vector<ConfigurationFile>& files) {
    for (const ConfigurationFile& file : files) {
      const os::Path path = directory / file.name;
      const Result<std::string> found = os::ReadFile(path, kLargestFile);
      if (!found.ok()) {
        changed.push_back({path, file.text, std::nullopt, found.status().FullMessage()});
      } else if (*found != file.text) {
        changed.push_back({path, file.text, *found, "it was changed by hand"});
      }
    }
  };
  compare(SetDirectory(volume, number), set.layers);
  compare(volume.config(), set.entries);
  return changed;
}

}  // namespace dbagent::datastore
