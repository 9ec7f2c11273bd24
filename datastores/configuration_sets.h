#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/os/volume.h"
#include "datastores/settings.h"

// The files of ConfigurationLayers on the volume: what is written is durable before a call returns,
// and one write of the entry file selects a set. Threads: one at a time.
//
//   <volume>/config/<entry file>          includes the files of one set
//   <volume>/config/sets/<number>/…       one whole set
namespace dbagent::datastore {

os::Path SetDirectory(const os::Volume& volume, std::uint64_t number);
// Writes the layers of a set; what was there under the number is replaced.
Status WriteSet(const os::Volume& volume, std::uint64_t number, const RenderedSet& set);
// Writes the entries, the entry file last.
Status SelectSet(const os::Volume& volume, const RenderedSet& set);
Status RemoveSet(const os::Volume& volume, std::uint64_t number);
// Numbers of the sets that lie there, ascending.
Result<std::vector<std::uint64_t>> SetNumbers(const os::Volume& volume);

// A file that is not as it was written.
struct ChangedFile {
  os::Path path;
  std::string written;
  // What is there now; none: it is missing or cannot be read, `why` says which.
  std::optional<std::string> found;
  std::string why;
};
std::vector<ChangedFile> ChangedFiles(const os::Volume& volume, std::uint64_t number,
                                      const RenderedSet& set);

}  // namespace dbagent::datastore
