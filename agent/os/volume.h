#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/os/files.h"

namespace dbagent::os {

// The volume root of design section 4: everything that must survive a rebuild of the machine.
//
//   <root>/generations/<n>/{data,log,tablespaces,tmp}/  one whole set of server files
//   <root>/current -> generations/<n>  relative link; the server's data directory is current/data
//   <root>/agent/   the agent's alone (0700): journal, instance id
//   <root>/config/  what the server includes; readable by it
//   <root>/helper/  root's alone (0700), where there is a helper: what should run
//
// With a helper (separation.h) the root and generations/ are root's own, so that neither the agent
// nor the server can put another thing in a generation's place; what is in a generation is the
// server's.
//
// Paths that a server stores must never go through `current`; Generation gives the real ones.
struct Generation {
  std::uint64_t number = 0;
  Path root, data, log, tablespaces;
  Path tmp;  // the server's and its tools' temporary files
};

class Volume {
 public:
  explicit Volume(Path root) : root_(std::move(root)) {}

  const Path& root() const { return root_; }
  Path current() const { return root_ / "current"; }
  Path agent() const { return root_ / "agent"; }
  Path config() const { return root_ / "config"; }
  Path generations() const { return root_ / "generations"; }
  Path helper() const { return root_ / "helper"; }
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
