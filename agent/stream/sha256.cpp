#include "agent/stream/sha256.h"

#include <openssl/evp.h>

#include <new>

namespace dbagent::stream {
namespace {
EVP_MD_CTX* Context(const std::unique_ptr<void, void (*)(void*)>& context) {
  return static_cast<EVP_MD_CTX*>(context.get());
}
}  // namespace

Sha256::Sha256()
    : context_(EVP_MD_CTX_new(),
               [](void* context) { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context)); }) {
  if (!context_ || EVP_DigestInit_ex(Context(context_), EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
}

void Sha256::Update(Bytes data) {
  EVP_DigestUpdate(Context(context_), data.data(), data.size());
}

std::string Sha256::FinishHex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(Context(context_), digest, &size);
  return ToHex(std::as_bytes(std::span(digest, size)));
}

std::string Sha256Hex(Bytes data) {
  Sha256 hash;
  hash.Update(data);
  return hash.FinishHex();
}

}  // namespace dbagent::stream
