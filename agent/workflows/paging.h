#pragma once

#include <optional>
#include <string>

#include "agent/base/result.h"
#include "agent/operations/operations.h"
#include "dbagent/v1/common.pb.h"

namespace dbagent::workflows {

// A page as asked for: how many items, and after which key.
struct PageAsked {
  std::size_t limit = 100;
  std::optional<std::string> after;  // the last key of the page before
  bool from_token = false;           // `after` came from a token (else from start_after)
};

// `list` names the list with its filters; a token of another list is refused. Tokens carry a keyed
// checksum, so that a made-up or cut one is refused too. PAGE_SIZE_INVALID, PAGE_TOKEN_INVALID.
Result<PageAsked> ReadPage(const operations::Operations& keys, const v1::PageRequest& request,
                           std::string_view list);
std::string MakePageToken(const operations::Operations& keys, std::string_view list,
                          std::string_view last_key);

}  // namespace dbagent::workflows
