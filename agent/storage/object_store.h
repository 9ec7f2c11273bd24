#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/bytes.h"
#include "agent/base/op_context.h"
#include "agent/base/result.h"

namespace dbagent::storage {

// What a listing shows: an object, or a folder (its name ends in `/`, it has no bytes).
struct Listed {
  std::string name;
  std::uint64_t bytes = 0;
  bool folder() const { return name.ends_with('/'); }
};

// Which part of a listing: at most `limit` names that come after `after`.
struct ListPage {
  std::string after;
  std::size_t limit = 4096;
};

// What is stored. With its SHA-256 (lower-case hexadecimal) where the caller has it, so that a
// store that needs it does not hash it once more: it must be that of `bytes`, S3 refuses it
// otherwise.
struct Content {
  Content() = default;
  Content(Bytes content, std::string digest = {}) : bytes(content), sha256(std::move(digest)) {}

  Bytes bytes{};
  std::string sha256{};
};

// Objects by name, whole or not at all. Names are `/`-separated, relative, of plain characters
// (letters, digits, - _ . % =); NAME_INVALID otherwise. An object's name is never another's folder:
// `a` and `a/b` cannot both be.
//
// Every store gives the same few calls, so that a repository needs nothing more. Errors:
// OBJECT_NOT_FOUND, OBJECT_EXISTS, NO_SPACE (a quota too), PERMISSION_DENIED, STORE_UNAVAILABLE
// (retryable: it was tried for as long as the settings say), IO_ERROR, and those of a context that
// stopped. Of stores over HTTP also, none of them retryable: CREDENTIALS_REFUSED,
// SECRET_UNREADABLE, CONTAINER_NOT_FOUND (bucket or container), STORE_REFUSED (any other 4xx),
// STORE_REDIRECTS, TLS_REFUSED, CLOCK_SKEWED. Their messages name object, bucket, host, HTTP
// status, the store's own code and request id. tests/store/ holds every store to this header.
// Threads: any.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Stores an object that must not exist: OBJECT_EXISTS otherwise, and what is there stays as it
  // is, also when it is the same. Of several at once exactly one wins; on Swift several may, and
  // the last one stays, so names that two may write must be unique. Visible only whole, and there
  // after a power cut once this answers OK; after an error (a cancel too) nothing of it is visible,
  // unless an answer was lost on its way (STORE_UNAVAILABLE, DEADLINE_EXCEEDED, or a cancel while
  // it was tried again after that).
  virtual Status Put(const OpContext& ctx, const std::string& name, const Content& content) = 0;
  // The same, in place of what is there, if anything. A reader sees the old or the new. For the few
  // objects that change; chunks, indexes and manifests never do.
  virtual Status Replace(const OpContext& ctx, const std::string& name, Bytes content) = 0;
  // The whole object, at most `limit` bytes (OBJECT_TOO_LARGE).
  virtual Result<std::vector<std::byte>> Get(const OpContext& ctx, const std::string& name,
                                             std::size_t limit) = 0;
  virtual Result<bool> Exists(const OpContext& ctx, const std::string& name) = 0;
  // One level below `prefix` (which ends in `/` or is empty), sorted by bytes; fewer names than the
  // page's limit: these are the last. Nothing there is an empty listing. What cannot be an object's
  // name (somebody else's file) is left out. May lag behind on a store that is eventually
  // consistent: it finds things, it never proves that something is gone.
  virtual Result<std::vector<Listed>> List(const OpContext& ctx, const std::string& prefix,
                                           const ListPage& page) = 0;
  // What is not there is fine.
  virtual Status Remove(const OpContext& ctx, const std::string& name) = 0;
  // As Get, of an object that was stored: where reads may lag behind writes it is asked for again
  // for a few seconds before it is OBJECT_NOT_FOUND.
  virtual Result<std::vector<std::byte>> GetStored(const OpContext& ctx, const std::string& name,
                                                   std::size_t limit) {
    return Get(ctx, name, limit);
  }
  // The same of many, in any order and faster where the store can. After an error some of them may
  // be gone.
  virtual Status RemoveAll(const OpContext& ctx, const std::vector<std::string>& names);
};

// Whether other credentials might be let do it.
bool IsRefusal(const Status& problem);

// Every page of a listing in turn; ends at the first error of `each`, which may remove what it is
// shown.
Status ListAll(ObjectStore& store, const OpContext& ctx, const std::string& prefix,
               const std::function<Status(const Listed&)>& each);

// NAME_INVALID unless the name can be one on every store.
Status CheckObjectName(const std::string& name);

}  // namespace dbagent::storage
