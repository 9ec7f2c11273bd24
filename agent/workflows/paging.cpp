#include "agent/workflows/paging.h"

#include <algorithm>

#include "agent/base/bytes.h"

namespace dbagent::workflows {
namespace {

constexpr std::size_t kChecksumBytes = 12;
constexpr std::size_t kDefaultLimit = 100, kLargestLimit = 1000;

std::string Checksum(const operations::Operations& keys, std::string_view list,
                     std::string_view key) {
  std::string signed_text = "page\0";
  signed_text.append(list).append(1, '\0').append(key);
  return keys.Digest(signed_text).substr(0, kChecksumBytes);
}

}  // namespace

std::string MakePageToken(const operations::Operations& keys, std::string_view list,
                          std::string_view last_key) {
  return ToBase64Url(AsBytes(Checksum(keys, list, last_key).append(last_key)));
}

Result<PageAsked> ReadPage(const operations::Operations& keys, const v1::PageRequest& request,
                           std::string_view list) {
  PageAsked page;
  if (request.page_size() < 0) {
    return Error(Code::kInvalidArgument, "PAGE_SIZE_INVALID", "page_size {} is negative",
                 request.page_size());
  }
  page.limit =
      request.page_size() == 0
          ? kDefaultLimit
          : std::min<std::size_t>(static_cast<std::size_t>(request.page_size()), kLargestLimit);
  if (!request.start_after().empty()) page.after = request.start_after();
  if (request.page_token().empty()) return page;
  const auto refuse = [](std::string_view why) {
    return Error(Code::kInvalidArgument, "PAGE_TOKEN_INVALID",
                 "unable to go on from this page_token: {}", why)
        .WithHint(
            "pass next_page_token of the previous page unchanged, with the same filters, or begin "
            "without one");
  };
  if (page.after) return refuse("start_after is set too");
  const std::optional<std::string> token = FromBase64Url(request.page_token());
  if (!token || token->size() < kChecksumBytes) return refuse("it is not one that this agent gave");
  const std::string key = token->substr(kChecksumBytes);
  if (token->substr(0, kChecksumBytes) != Checksum(keys, list, key))
    return refuse("it belongs to another list, or was altered");
  page.after = key;
  page.from_token = true;
  return page;
}

}  // namespace dbagent::workflows
