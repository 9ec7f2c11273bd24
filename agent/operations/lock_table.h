#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/base/status.h"
#include "agent/operations/kinds.h"

namespace dbagent::operations {

// Who holds what, by the rules of kinds.h. Never waits: a conflict is answered at once with the
// holder. Threads: the caller serialises.
class LockTable {
 public:
  // ABORTED LOCK_HELD with the holder's operation id in metadata `operation`. All locks or none.
  // One that has some has these instead, or after an error what it had.
  Status Acquire(const std::string& operation_id, const Kind& kind,
                 const std::vector<std::string>& targets);
  // Of operations that an earlier life of the agent ran beside each other.
  void Hold(const std::string& operation_id, const Kind& kind,
            const std::vector<std::string>& targets);
  void Release(const std::string& operation_id);

 private:
  struct Held {
    const Kind* kind;
    std::vector<std::string> targets;
  };
  std::map<std::string, Held> held_;  // by operation id
};

}  // namespace dbagent::operations
