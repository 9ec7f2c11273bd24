#pragma once

#include <memory>

#include "agent/config/store_settings.h"
#include "agent/storage/dialect.h"

namespace dbagent::storage {

// S3 as Amazon's "Simple Storage Service API Reference" has it, at any endpoint. Objects go by one
// PUT each (no multipart: they are chunks), listings by ListObjectsV2.
//
// Signed anew for every attempt; each body's SHA-256 is signed too, so the store checks what it
// got. Learnt from answers, once each: that our clock is wrong, the bucket's region, new keys. No
// redirect is followed. Versioned bucket: Remove leaves a marker and the old version, as every
// client's delete does; a lifecycle rule ends them. An object that a lock retains cannot be
// removed: PERMISSION_DENIED.
//
// VALUE_INVALID when the endpoint is no address.
Result<std::unique_ptr<Dialect>> MakeS3Dialect(const config::S3Settings& settings);

}  // namespace dbagent::storage
