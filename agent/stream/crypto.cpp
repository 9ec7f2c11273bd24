#include "agent/stream/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

namespace dbagent::stream {
namespace {

// These fail only when memory is out or OpenSSL was built without them; never by what they are
// given.
void Must(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL cannot do ") + what);
}

const unsigned char* Unsigned(const void* data) {
  return static_cast<const unsigned char*>(data);
}
unsigned char* Unsigned(void* data) {
  return static_cast<unsigned char*>(data);
}

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

// OpenSSL's lengths are ints.
constexpr std::size_t kSlice = 1U << 30U;

CipherContext Begin(const Secret& key, const Nonce& nonce, Bytes additional, bool encrypt) {
  CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  Must(context != nullptr && key.size() == kKeyBytes, "AES-256-GCM");
  Must(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Unsigned(key.Reveal().data()),
                         Unsigned(nonce.data()), encrypt ? 1 : 0) == 1,
       "AES-256-GCM");
  int size = 0;
  Must(EVP_CipherUpdate(context.get(), nullptr, &size, Unsigned(additional.data()),
                        static_cast<int>(additional.size())) == 1,
       "AES-256-GCM");
  return context;
}

void Update(EVP_CIPHER_CTX* context, std::byte* out, Bytes in) {
  while (!in.empty()) {
    const Bytes slice = in.first(std::min(kSlice, in.size()));
    int size = 0;
    Must(EVP_CipherUpdate(context, Unsigned(out), &size, Unsigned(slice.data()),
                          static_cast<int>(slice.size())) == 1,
         "AES-256-GCM");
    out += slice.size();
    in = in.subspan(slice.size());
  }
}

}  // namespace

std::string RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  Must(RAND_priv_bytes(Unsigned(bytes.data()), static_cast<int>(count)) == 1, "random bytes");
  return bytes;
}

Secret RandomKey() {
  std::string bytes = RandomBytes(kKeyBytes);
  Secret key(bytes);
  Wipe(bytes);
  return key;
}

Nonce RandomNonce() {
  Nonce nonce;
  Must(RAND_bytes(Unsigned(nonce.data()), kNonceBytes) == 1, "random bytes");
  return nonce;
}

Secret DeriveKey(const Secret& key, Bytes salt, std::string_view purpose) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
  Must(kdf != nullptr, "HKDF");
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
  std::string digest = "SHA256", info(purpose), salted(AsText(salt));
  std::string ikm(key.Reveal());
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, ikm.data(), ikm.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salted.data(), salted.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end()};
  std::string out(kKeyBytes, '\0');
  const bool derived = context != nullptr &&
                       EVP_KDF_derive(context.get(), Unsigned(out.data()), out.size(), params) == 1;
  Wipe(ikm);
  Must(derived, "HKDF");
  Secret result(out);
  Wipe(out);
  return result;
}

std::string HmacHex(const Secret& key, Bytes data) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  Must(HMAC(EVP_sha256(), key.Reveal().data(), static_cast<int>(key.size()), Unsigned(data.data()),
            data.size(), digest, &size) != nullptr,
       "HMAC");
  return ToHex(std::as_bytes(std::span(digest, size)));
}

Buffer Seal(const Secret& key, const Nonce& nonce, Bytes additional, std::span<const Bytes> parts) {
  std::size_t size = kTagBytes;
  for (const Bytes& part : parts) size += part.size();
  Buffer sealed(size);
  const CipherContext context = Begin(key, nonce, additional, true);
  for (const Bytes& part : parts) {
    Update(context.get(), sealed.end(), part);
    sealed.resize(sealed.size() + part.size());
  }
  int none = 0;
  Must(EVP_CipherFinal_ex(context.get(), Unsigned(sealed.end()), &none) == 1 &&
           EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, sealed.end()) == 1,
       "AES-256-GCM");
  sealed.resize(size);
  return sealed;
}

Status Open(const Secret& key, const Nonce& nonce, Bytes additional, std::span<std::byte> sealed) {
  const auto broken = [] {
    return Error(Code::kDataLoss, "SEAL_BROKEN",
                 "it does not decrypt: it was changed, or moved from another place");
  };
  if (sealed.size() < kTagBytes) return broken();
  const std::span<std::byte> body = sealed.first(sealed.size() - kTagBytes);
  const CipherContext context = Begin(key, nonce, additional, false);
  Update(context.get(), body.data(), body);
  int none = 0;
  std::byte end[kTagBytes];
  Must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes,
                           sealed.data() + body.size()) == 1,
       "AES-256-GCM");
  if (EVP_CipherFinal_ex(context.get(), Unsigned(end), &none) != 1) return broken();
  return Ok();
}

}  // namespace dbagent::stream
