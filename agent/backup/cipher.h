#pragma once

#include <optional>
#include <span>
#include <string>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/stream/crypto.h"

// How a backup is encrypted (README.md, "Encryption").
namespace dbagent::backup {

inline constexpr const char* kCipher = "AES-256-GCM";

// Seals and opens the chunks of one attempt at a stream. Threads: any.
class StreamCipher {
 public:
  StreamCipher(const Secret& data_key, std::string header_digest, const std::string& attempt);

  // The chunk's number and whether it is the stream's last are part of the seal.
  stream::Buffer Seal(std::uint64_t number, bool last, std::span<const Bytes> frames) const;
  // The frames, in place. DATA_LOSS SEAL_BROKEN.
  Result<Bytes> Open(std::uint64_t number, bool last, std::span<std::byte> chunk) const;

 private:
  const std::string header_digest_;
  const Secret key_;
};

// A backup's data key. Threads: any.
class BackupCipher {
 public:
  static BackupCipher New(const std::string& instance, const std::string& backup) {
    return {stream::RandomKey(), instance, backup};
  }
  BackupCipher(Secret data_key, const std::string& instance, const std::string& backup);

  StreamCipher ForStream(const std::string& attempt) const {
    return {data_key_, header_digest_, attempt};
  }
  // Of the manifest's text; nobody without the key can make it.
  std::string Authenticate(std::string_view manifest) const;
  const Secret& data_key() const { return data_key_; }

 private:
  Secret data_key_;
  std::string header_digest_;
};

}  // namespace dbagent::backup
