// What the encryption of backups is made of, against the standards' own examples.
#include <gtest/gtest.h>

#include "agent/stream/crypto.h"
#include "tests/support/status_matchers.h"

namespace dbagent::stream {
namespace {

using tests::ReasonOf;

std::string Unhex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

Nonce NonceFrom(std::string_view hex) {
  const std::string bytes = Unhex(hex);
  Nonce nonce;
  std::copy_n(AsBytes(bytes).begin(), nonce.size(), nonce.begin());
  return nonce;
}

// Test case 16 of "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega.
TEST(StreamCrypto, SealsAsTheStandardsExampleOfAes256Gcm) {
  const Secret key(Unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
  const Nonce nonce = NonceFrom("cafebabefacedbaddecaf888");
  const std::string additional = Unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const std::string first =
      Unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72");
  const std::string second = Unhex("1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
  const Bytes parts[] = {AsBytes(first), AsBytes(second)};
  Buffer sealed = Seal(key, nonce, AsBytes(additional), parts);
  EXPECT_EQ(ToHex(sealed.bytes()),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
            "76fc6ece0f4e1768cddf8853bb2d551b");
  const std::span<std::byte> bytes(sealed.data(), sealed.size());
  EXPECT_OK(Open(key, nonce, AsBytes(additional), bytes));
  EXPECT_EQ(AsText(sealed.bytes().first(first.size() + second.size())), first + second);
}

// RFC 5869, test case 1, whose first 32 bytes are ours.
TEST(StreamCrypto, DerivesKeysAsRfc5869) {
  const Secret key(Unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"));
  const std::string salt = Unhex("000102030405060708090a0b0c");
  EXPECT_EQ(ToHex(AsBytes(DeriveKey(key, AsBytes(salt), Unhex("f0f1f2f3f4f5f6f7f8f9")).Reveal())),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

// RFC 4231, test case 2.
TEST(StreamCrypto, AuthenticatesAsRfc4231) {
  EXPECT_EQ(HmacHex(Secret("Jefe"), AsBytes("what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(StreamCrypto, RefusesEveryChangedBitAndAnyOtherPlace) {
  const Secret key = RandomKey();
  const Nonce nonce = RandomNonce();
  const Bytes text = AsBytes("a few bytes");
  const auto open = [&](const Secret& with, const Nonce& at, std::string_view additional,
                        std::function<void(std::span<std::byte>)> change) {
    Buffer sealed = Seal(key, nonce, AsBytes("place"), std::span(&text, 1));
    const std::span<std::byte> bytes(sealed.data(), sealed.size());
    change(bytes);
    return ReasonOf(Open(with, at, AsBytes(additional), bytes));
  };
  const auto nothing = [](std::span<std::byte>) {};
  EXPECT_EQ(open(key, nonce, "place", nothing), "OK");
  for (std::size_t bit = 0; bit < (text.size() + kTagBytes) * 8; ++bit) {
    EXPECT_EQ(open(key, nonce, "place",
                   [&](std::span<std::byte> bytes) {
                     bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
                   }),
              "SEAL_BROKEN");
  }
  EXPECT_EQ(open(RandomKey(), nonce, "place", nothing), "SEAL_BROKEN");
  EXPECT_EQ(open(key, RandomNonce(), "place", nothing), "SEAL_BROKEN");
  EXPECT_EQ(open(key, nonce, "elsewhere", nothing), "SEAL_BROKEN");
  std::byte few[kTagBytes - 1] = {};
  EXPECT_EQ(ReasonOf(Open(key, nonce, {}, few)), "SEAL_BROKEN");
}

}  // namespace
}  // namespace dbagent::stream
