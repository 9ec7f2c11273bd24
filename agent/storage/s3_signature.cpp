#include "agent/storage/s3_signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <time.h>

#include <algorithm>
#include <new>

#include "agent/base/bytes.h"
#include "agent/stream/sha256.h"

namespace dbagent::storage {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string Hmac(std::string_view key, std::string_view text) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           reinterpret_cast<unsigned char*>(digest.data()), &size) == nullptr)
    throw std::bad_alloc();
  digest.resize(size);
  return digest;
}

// Trimmed, runs of spaces made one.
std::string CanonicalValue(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool space = c == ' ' || c == '\t';
    if (!space) out += c;
    if (space && !out.empty() && out.back() != ' ') out += ' ';
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::vector<std::pair<std::string, std::string>> CanonicalHeaders(const SignatureInput& input) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& [name, value] : input.headers) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    headers.emplace_back(std::move(lower), CanonicalValue(value));
  }
  std::sort(headers.begin(), headers.end());
  return headers;
}

std::string SignedHeaders(const SignatureInput& input) {
  std::string names;
  for (const auto& header : CanonicalHeaders(input))
    names += (names.empty() ? "" : ";") + header.first;
  return names;
}

std::string Scope(const SignatureInput& input) {
  return fmt::format("{}/{}/{}/aws4_request", input.time.substr(0, 8), input.region, input.service);
}

}  // namespace

std::string SignatureTime(std::chrono::system_clock::time_point time) {
  const time_t seconds = std::chrono::system_clock::to_time_t(time);
  struct tm utc {};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string CanonicalRequest(const SignatureInput& input) {
  std::string text =
      fmt::format("{}\n{}\n{}\n", input.method, input.path, CanonicalQuery(input.query));
  for (const auto& [name, value] : CanonicalHeaders(input))
    text += fmt::format("{}:{}\n", name, value);
  return text + "\n" + SignedHeaders(input) + "\n" + input.payload_digest;
}

std::string Authorization(const SignatureInput& input, const std::string& access_key,
                          const Secret& secret_key) {
  const std::string text = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, input.time, Scope(input),
                                       stream::Sha256Hex(AsBytes(CanonicalRequest(input))));
  // the scope's date is that of the request's own time: nothing differs over midnight
  std::string key = "AWS4" + std::string(secret_key.Reveal());
  for (const std::string& part :
       {input.time.substr(0, 8), input.region, input.service, std::string("aws4_request")}) {
    std::string derived = Hmac(key, part);
    Wipe(key);
    key = std::move(derived);
  }
  const std::string signature = ToHex(AsBytes(Hmac(key, text)));
  Wipe(key);
  return fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm, access_key,
                     Scope(input), SignedHeaders(input), signature);
}

}  // namespace dbagent::storage
