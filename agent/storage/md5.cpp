#include "agent/storage/md5.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <new>

namespace dbagent::storage {
namespace {

constexpr std::size_t kMd5Bytes = 16;

std::array<unsigned char, kMd5Bytes> Md5(Bytes data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_md5(), nullptr) != 1)
    throw std::bad_alloc();
  std::array<unsigned char, kMd5Bytes> md5{};
  std::copy_n(digest.begin(), kMd5Bytes, md5.begin());
  return md5;
}

}  // namespace

std::string Md5Hex(Bytes data) {
  const auto md5 = Md5(data);
  return ToHex(std::as_bytes(std::span(md5)));
}

std::string Md5Base64(Bytes data) {
  const auto md5 = Md5(data);
  std::array<unsigned char, 4 * (kMd5Bytes / 3 + 1) + 1> text{};
  const int size = EVP_EncodeBlock(text.data(), md5.data(), kMd5Bytes);
  return std::string(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(size));
}

}  // namespace dbagent::storage
