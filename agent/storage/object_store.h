#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/base/bytes.h"
#include "agent/base/op_context.h"
#include "agent/base/result.h"

namespace dbagent::storage {

// Objects by name, whole or not at all. Names are `/`-separated, relative, of plain characters
// (letters, digits, - _ . % =); NAME_INVALID otherwise.
//
// Every store gives the same four calls, so that a repository needs nothing more. Errors:
// OBJECT_NOT_FOUND, OBJECT_EXISTS, NO_SPACE, PERMISSION_DENIED, STORE_UNAVAILABLE (retryable),
// IO_ERROR. Threads: any.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Stores an object that must not exist. It is visible only whole, and is there after a power cut
  // once this answers OK; after an error or a crash nothing of it is visible.
  virtual Status Put(const OpContext& ctx, const std::string& name, Bytes content) = 0;
  // The whole object, at most `limit` bytes (OBJECT_TOO_LARGE).
  virtual Result<std::vector<std::byte>> Get(const OpContext& ctx, const std::string& name,
                                             std::size_t limit) = 0;
  virtual Result<bool> Exists(const OpContext& ctx, const std::string& name) = 0;
  // One level below `prefix` (which ends in `/` or is empty), sorted: objects by name, folders with
  // a `/` at their end. May lag behind on a store that is eventually consistent.
  virtual Result<std::vector<std::string>> List(const OpContext& ctx,
                                                const std::string& prefix) = 0;
  // What is not there is fine.
  virtual Status Remove(const OpContext& ctx, const std::string& name) = 0;
};

// NAME_INVALID unless the name can be one on every store.
Status CheckObjectName(const std::string& name);

}  // namespace dbagent::storage
