#include "agent/base/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace dbagent {
namespace {

bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string PercentEncode(std::string_view text, bool keep_slashes) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (const char c : text) {
    if (IsUnreserved(c) || (keep_slashes && c == '/')) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const int high = text[at] == '%' && at + 2 < text.size() ? HexDigit(text[at + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[at + 2]) : -1;
    if (low < 0) {
      out += text[at];
      continue;
    }
    out += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return out;
}

std::string CanonicalQuery(const UrlQuery& query) {
  UrlQuery encoded;
  for (const auto& [name, value] : query)
    encoded.emplace_back(PercentEncode(name), PercentEncode(value));
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded) {
    if (!text.empty()) text += '&';
    text += name + "=" + value;
  }
  return text;
}

bool Origin::numeric() const {
  in_addr address{};
  return ipv6() || inet_pton(AF_INET, host.c_str(), &address) == 1;
}

std::string Origin::authority() const {
  std::string text = ipv6() ? "[" + host + "]" : host;
  if (!default_port()) text += ":" + std::to_string(port);
  return text;
}

std::string Origin::authority(std::string_view label) const {
  return std::string(label) + "." + authority();
}

Result<Origin> ParseOrigin(std::string_view url) {
  const auto invalid = [&](std::string_view why) {
    // without what may be a password
    return Error(Code::kInvalidArgument, "VALUE_INVALID", "'{}' is no address of a service: {}",
                 url.find('@') == std::string_view::npos ? url : "…", why)
        .WithHint("write it like https://host, https://host:8443/path or http://[::1]:8080");
  };
  Origin origin;
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos) return invalid("it does not begin with http:// or https://");
  origin.scheme = url.substr(0, colon);
  if (origin.scheme != "http" && origin.scheme != "https")
    return invalid("only http and https are spoken");
  std::string_view rest = url.substr(colon + 3);
  const std::size_t slash = rest.find('/');
  std::string_view place = rest.substr(0, slash);
  if (slash != std::string_view::npos) origin.path = rest.substr(slash);
  while (origin.path.ends_with('/')) origin.path.pop_back();
  if (url.find_first_of("?#@ \t\r\n\\") != std::string_view::npos)
    return invalid("it must have no user, query, fragment or space");
  std::string_view port;
  if (place.starts_with('[')) {
    const std::size_t close = place.find(']');
    if (close == std::string_view::npos) return invalid("a ] is missing");
    origin.host = place.substr(1, close - 1);
    in6_addr address{};
    if (inet_pton(AF_INET6, origin.host.c_str(), &address) != 1)
      return invalid("what stands in brackets is no IPv6 address");
    place.remove_prefix(close + 1);
    if (!place.empty() && place.front() != ':') return invalid("a port follows a colon");
    port = place;
  } else {
    const std::size_t at = place.find(':');
    origin.host = place.substr(0, at);
    if (at != std::string_view::npos) port = place.substr(at);
  }
  if (origin.host.empty()) return invalid("it has no host");
  std::transform(origin.host.begin(), origin.host.end(), origin.host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const bool odd = std::any_of(origin.host.begin(), origin.host.end(),
                               [&](char c) { return (!IsUnreserved(c) || c == '~') && c != ':'; });
  if (odd) return invalid("a host has letters, digits, dots and dashes");
  origin.port = origin.scheme == "https" ? 443 : 80;
  if (!port.empty()) {
    port.remove_prefix(1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), origin.port);
    if (error != std::errc() || end != port.data() + port.size() || origin.port == 0)
      return invalid("its port is no number between 1 and 65535");
  }
  return origin;
}

}  // namespace dbagent
