#pragma once

#include <memory>

#include "agent/config/store_settings.h"
#include "agent/net/http_client.h"
#include "agent/storage/dialect.h"

namespace dbagent::storage {

// OpenStack Swift as its "Object Storage API v1" has it. Objects go by one PUT each with their MD5
// as ETag, so the store checks what it got; a container's listing may lag behind. A token that the
// store refuses is renewed once, and the request sent again. The container is made when it is
// missing only if the settings say so.
std::unique_ptr<Dialect> MakeSwiftDialect(const config::SwiftSettings& settings,
                                          const net::HttpSettings& http);

}  // namespace dbagent::storage
