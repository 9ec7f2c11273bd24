#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "agent/base/bytes.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/stream/buffer.h"

// What the encryption of backups is made of, by OpenSSL: AES-256-GCM (NIST SP 800-38D), HKDF with
// SHA-256 (RFC 5869), HMAC-SHA-256 (RFC 2104). Keys are 32 bytes. Threads: any.
namespace dbagent::stream {

inline constexpr std::size_t kKeyBytes = 32, kNonceBytes = 12, kTagBytes = 16;
using Nonce = std::array<std::byte, kNonceBytes>;

// From the system's generator.
Secret RandomKey();
Nonce RandomNonce();
std::string RandomBytes(std::size_t count);

// A key for one purpose, which tells nothing of `key` or of those for others.
Secret DeriveKey(const Secret& key, Bytes salt, std::string_view purpose);
std::string HmacHex(const Secret& key, Bytes data);

// `parts` one after the other, encrypted, then the tag. A nonce must never be used twice with a
// key.
Buffer Seal(const Secret& key, const Nonce& nonce, Bytes additional, std::span<const Bytes> parts);
// What was sealed; in place, `sealed` is then shorter by the tag. DATA_LOSS SEAL_BROKEN: another
// key, nonce, additional data, or changed bytes; `sealed` is of no use then.
Status Open(const Secret& key, const Nonce& nonce, Bytes additional, std::span<std::byte> sealed);

}  // namespace dbagent::stream
