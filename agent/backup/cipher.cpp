#include "agent/backup/cipher.h"

#include <fmt/format.h>

#include "agent/stream/sha256.h"

namespace dbagent::backup {
namespace {

// Within one attempt the number makes it unique; each attempt has a key of its own.
stream::Nonce NonceOf(std::uint64_t number, bool last) {
  stream::Nonce nonce{};
  nonce[0] = std::byte{last};
  for (std::size_t i = 0; i < sizeof number; ++i) {
    nonce[stream::kNonceBytes - 1 - i] = static_cast<std::byte>(number & 0xFFU);
    number >>= 8U;
  }
  return nonce;
}

}  // namespace

StreamCipher::StreamCipher(const Secret& data_key, std::string header_digest,
                           const std::string& attempt)
    : header_digest_(std::move(header_digest)),
      key_(stream::DeriveKey(data_key, AsBytes(header_digest_), "dbagent stream " + attempt)) {}

stream::Buffer StreamCipher::Seal(std::uint64_t number, bool last,
                                  std::span<const Bytes> frames) const {
  return stream::Seal(key_, NonceOf(number, last), AsBytes(header_digest_), frames);
}

Result<Bytes> StreamCipher::Open(std::uint64_t number, bool last,
                                 std::span<std::byte> chunk) const {
  RETURN_IF_ERROR(stream::Open(key_, NonceOf(number, last), AsBytes(header_digest_), chunk));
  return Bytes(chunk).first(chunk.size() - stream::kTagBytes);
}

BackupCipher::BackupCipher(Secret data_key, const std::string& instance, const std::string& backup)
    : data_key_(std::move(data_key)),
      header_digest_(stream::Sha256Hex(
          AsBytes(fmt::format("dbagent backup\nformat 2\ninstance {}\nbackup {}\ncipher {}\n",
                              instance, backup, kCipher)))) {}

std::string BackupCipher::Authenticate(std::string_view manifest) const {
  return stream::HmacHex(stream::DeriveKey(data_key_, AsBytes(header_digest_), "dbagent manifest"),
                         AsBytes(manifest));
}

}  // namespace dbagent::backup
