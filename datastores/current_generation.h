#pragma once

#include <map>
#include <string>

#include "agent/os/volume.h"

namespace dbagent::datastore {

// What `current` names, with its real paths. NOT_PREPARED (FAILED_PRECONDITION): there is none.
inline Result<os::Generation> CurrentGeneration(const os::Volume& volume) {
  ASSIGN_OR_RETURN(const std::optional<std::uint64_t> number, volume.CurrentNumber());
  if (number) return volume.generation(*number);
  return Error(Code::kFailedPrecondition, "NOT_PREPARED",
               "unable to use the server's files: there is no data directory");
}

// The parameter of that kind.
inline std::map<std::string, std::string> GenerationParameter(const os::Generation& generation) {
  return {{"generation", std::to_string(generation.number)}};
}

}  // namespace dbagent::datastore
