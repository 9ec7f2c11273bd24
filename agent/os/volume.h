#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/os/files.h"

namespace dbagent::os {

// The volume root of design section 4: everything that must survive a rebuild of the machine.
//
//   <root>/generations/<n>/{data,log,tablespaces}/   one whole set of server files
//   <root>/current -> generations/<n>                relative link; the server's data directory is
//   current/data <root>/agent/                                    ours alone (0700): journal,
//   instance id, children <root>/config/                                   what the server
//   includes; readable by it
//
// Paths that a server stores must never go through `current`; Generation gives the real ones.
struct Generation {
  std::uint64_t number = 0;
  Path root, data, log, tablespaces;
};

class Volume {
 public:
  explicit Volume(Path root) : root_(std::move(root)) {}

  const Path& root() const { return root_; }
  Path current() const { return root_ / "current"; }
  Path agent() const { return root_ / "agent"; }
  Path config() const { return root_ / "config"; }
  Path generations() const { return root_ / "generations"; }
  // The root of another volume, there only while a backup is verified by restoring it.
  Path scratch() const { return root_ / "scratch"; }
  Generation generation(std::uint64_t number) const;

  // Makes agent/ (0700), config/ (0755) and generations/ (0755) where they are missing. Idempotent.
  Status MakeLayout() const;
  // Where `current` points; nothing when there is no link. A link that is not ours is
  // CORRUPT_VOLUME.
  Result<std::optional<std::uint64_t>> CurrentNumber() const;
  Result<std::vector<std::uint64_t>> Numbers() const;  // ascending

 private:
  Path root_;
};

}  // namespace dbagent::os
