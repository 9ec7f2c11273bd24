#pragma once

#include <span>
#include <string>
#include <string_view>

namespace dbagent::operations {

enum class LockMode : char { kNone, kShared, kExclusive };

// What a kind of operation is, and what it excludes: the lock table as data. Two operations exclude
// each other when they hold the same lock and not both shared. Each operation holds up to four
// locks:
//   instance  the server as a whole
//   area      one of a kind at a time (`backups`)
//   scratch   the place for a scratch server
//   target    one per target (`database:shop`); the target `*` meets every target of its name space
struct Kind {
  std::string_view name;
  LockMode instance;
  std::string_view area;
  LockMode area_mode;
  std::string_view target_space;
  LockMode target_mode;
  bool cancellable;
  bool throttled = false;  // its body keeps to Running::rate()
  // It has the one scratch server that there may be at a time.
  bool scratch = false;
};

std::span<const Kind> AllKinds();
// nullptr when there is none.
const Kind* FindKind(std::string_view name);

}  // namespace dbagent::operations
