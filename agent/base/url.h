#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/result.h"

namespace dbagent {

// RFC 3986 percent-encoding of every byte but the unreserved ones (A-Z a-z 0-9 - . _ ~), with
// capital hexadecimal digits. `/` stays when `keep_slashes`. What SigV4 calls UriEncode.
std::string PercentEncode(std::string_view text, bool keep_slashes = false);
// The reverse; what is no escape stays as it is, and `+` is no space.
std::string PercentDecode(std::string_view text);

// Name and value, neither of them encoded.
using UrlQuery = std::vector<std::pair<std::string, std::string>>;
// `a=1&b=` encoded and sorted by encoded name, then value; a value that is empty keeps its `=`.
std::string CanonicalQuery(const UrlQuery& query);

// `scheme://host[:port][/path]` as settings have it.
struct Origin {
  std::string scheme;      // `http`, `https`
  std::string host;        // lower case, without the brackets of an IPv6 address
  std::uint16_t port = 0;  // 80 or 443 when none was given
  std::string path;        // empty or `/…` without a `/` at its end, as it was written

  bool ipv6() const { return host.find(':') != std::string::npos; }
  // A numeric address has no subdomains, so no bucket can stand in front of it.
  bool numeric() const;
  bool default_port() const { return port == (scheme == "https" ? 443 : 80); }
  // As it stands in a URL and in the Host header: brackets, and the port unless it is the default.
  std::string authority() const;
  // The same with a label in front: `bucket.host:9000`.
  std::string authority(std::string_view label) const;
};

// VALUE_INVALID unless it is such a URL, of http or https, without user, query and fragment.
Result<Origin> ParseOrigin(std::string_view url);

}  // namespace dbagent
