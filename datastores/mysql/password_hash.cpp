#include "datastores/mysql/password_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <cstdint>

#include "agent/base/bytes.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr int kRounds = 5000;  // `005` thousand, as the server's own default

using Digest = std::array<unsigned char, 32>;

// A SHA-256 or SHA-1 that is fed piece by piece.
class Hash {
 public:
  explicit Hash(const EVP_MD* algorithm) : context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_, algorithm, nullptr);
  }
  ~Hash() { EVP_MD_CTX_free(context_); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;

  Hash& Add(std::string_view text) {
    EVP_DigestUpdate(context_, text.data(), text.size());
    return *this;
  }
  Digest Finish() {
    Digest digest{};
    EVP_DigestFinal_ex(context_, digest.data(), nullptr);
    return digest;
  }

 private:
  EVP_MD_CTX* context_;
};

std::string_view Text(const Digest& digest, std::size_t size = 32) {
  return {reinterpret_cast<const char*>(digest.data()), size};
}

// `size` bytes of the digest repeated.
Secret Repeat(const Digest& digest, std::size_t size) {
  std::string text;
  text.reserve(size);
  while (text.size() < size) text += Text(digest, std::min<std::size_t>(32, size - text.size()));
  Secret secret(text);
  Wipe(text);
  return secret;
}

// The 256 bits in crypt's own base 64 and its own order: 43 characters.
std::string CryptBase64(const Digest& d) {
  static constexpr std::string_view kAlphabet =
      "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string out;
  const auto put = [&](unsigned a, unsigned b, unsigned c, int characters) {
    for (unsigned bits = a << 16U | b << 8U | c; characters > 0; --characters, bits >>= 6U)
      out += kAlphabet[bits & 0x3fU];
  };
  for (std::size_t i = 0, a = 0, b = 10, c = 20; i < 10; ++i) {
    put(d[a], d[b], d[c], 4);
    const std::size_t next = c + 1;
    c = b + 1;
    b = a + 1;
    a = next;
  }
  put(0, d[31], d[30], 3);
  return out;
}

std::string NativeCredential(std::string_view password) {
  Digest inner = Hash(EVP_sha1()).Add(password).Finish();
  const Digest outer = Hash(EVP_sha1()).Add(Text(inner, 20)).Finish();
  OPENSSL_cleanse(inner.data(), inner.size());
  std::string hex = ToHex(AsBytes(Text(outer, 20)));
  for (char& c : hex) {
    if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
  }
  return "*" + hex;
}

}  // namespace

// The names A, B, P and S are those of the specification of SHA-crypt; the server keeps to it but
// for its longer salt.
std::string CachingSha2Credential(std::string_view password, std::string_view salt) {
  const Digest b = Hash(EVP_sha256()).Add(password).Add(salt).Add(password).Finish();
  Hash hash_a(EVP_sha256());
  hash_a.Add(password).Add(salt);
  for (std::size_t left = password.size(); left > 0; left -= std::min<std::size_t>(left, 32)) {
    hash_a.Add(Text(b, std::min<std::size_t>(left, 32)));
  }
  for (std::size_t bits = password.size(); bits > 0; bits >>= 1U)
    hash_a.Add((bits & 1U) != 0 ? Text(b) : password);
  Digest c = hash_a.Finish();

  Hash hash_p(EVP_sha256());
  for (std::size_t i = 0; i < password.size(); ++i) hash_p.Add(password);
  const Secret p = Repeat(hash_p.Finish(), password.size());
  Hash hash_s(EVP_sha256());
  for (unsigned i = 0; i < 16U + c[0]; ++i) hash_s.Add(salt);
  const Secret s = Repeat(hash_s.Finish(), salt.size());

  for (int i = 0; i < kRounds; ++i) {
    Hash round(EVP_sha256());
    round.Add(i % 2 != 0 ? p.Reveal() : Text(c));
    if (i % 3 != 0) round.Add(s.Reveal());
    if (i % 7 != 0) round.Add(p.Reveal());
    round.Add(i % 2 != 0 ? Text(c) : p.Reveal());
    c = round.Finish();
  }
  return fmt::format("$A$005${}{}", salt, CryptBase64(c));
}

std::string StoredCredentialFor(const Dialect& dialect, const Secret& password) {
  if (password.empty()) return std::string(dialect.no_password_credential());
  if (dialect.mariadb()) return NativeCredential(password.Reveal());
  return CachingSha2Credential(password.Reveal(), RandomPassword(20).Reveal());
}

}  // namespace dbagent::datastore::mysql
