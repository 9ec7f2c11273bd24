#include "agent/backup/key_ring.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "agent/backup/chunk_reader.h"
#include "agent/backup/json.h"
#include "agent/backup/layout.h"

namespace dbagent::backup {
namespace {

constexpr std::size_t kFingerprintDigits = 16;

std::optional<std::string> FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]), low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

// What a slot is for is part of its seal, so that none serves another backup.
std::string Purpose(const std::string& key, const std::string& instance,
                    const std::string& backup) {
  return fmt::format("dbagent key slot\nkey {}\ninstance {}\nbackup {}\n", key, instance, backup);
}

Secret WrappingKey(const Secret& key) {
  return stream::DeriveKey(key, {}, "dbagent wrap");
}

}  // namespace

Result<Secret> ParseKey(std::string_view text, const std::string& id) {
  std::string hex;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) hex += c;
  }
  std::optional<std::string> bytes = FromHex(hex);
  Wipe(hex);
  if (!bytes || bytes->size() != stream::kKeyBytes) {
    return Error(Code::kInvalidArgument, "KEY_INVALID", "key '{}' is not {} hexadecimal digits", id,
                 2 * stream::kKeyBytes)
        .WithHint("make one with `dbagentctl keys generate FILE`");
  }
  Secret key(*bytes);
  Wipe(*bytes);
  return key;
}

std::vector<std::string> KeyRing::ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, key] : keys_) ids.push_back(id);
  return ids;
}

std::string KeyRing::Fingerprint(const std::string& id) const {
  return stream::HmacHex(stream::DeriveKey(keys_.at(id), {}, "dbagent fingerprint"), {})
      .substr(0, kFingerprintDigits);
}

internal::KeySlot KeyRing::Wrap(const BackupCipher& cipher, const std::string& instance,
                                const std::string& backup) const {
  const stream::Nonce nonce = stream::RandomNonce();
  const Bytes data_key = AsBytes(cipher.data_key().Reveal());
  const stream::Buffer wrapped =
      stream::Seal(WrappingKey(keys_.at(active_)), nonce,
                   AsBytes(Purpose(active_, instance, backup)), std::span(&data_key, 1));
  internal::KeySlot slot;
  slot.set_key_id(active_);
  slot.set_fingerprint(Fingerprint(active_));
  slot.set_nonce(ToHex(nonce));
  slot.set_wrapped(ToHex(wrapped.bytes()));
  return slot;
}

Result<BackupCipher> KeyRing::Unwrap(const internal::KeySlot& slot, const std::string& instance,
                                     const std::string& backup) const {
  const auto key = keys_.find(slot.key_id());
  if (key == keys_.end()) {
    return Error(Code::kFailedPrecondition, "KEY_MISSING",
                 "backup '{}' is encrypted, and the key ring has no key '{}'", backup,
                 slot.key_id())
        .WithHint("add it under encryption.keys in the settings");
  }
  if (slot.fingerprint() != Fingerprint(slot.key_id())) {
    return Error(Code::kFailedPrecondition, "KEY_WRONG",
                 "the key '{}' of the key ring is not the one that backup '{}' was encrypted with "
                 "(its fingerprint is {}, the backup's {})",
                 slot.key_id(), backup, Fingerprint(slot.key_id()), slot.fingerprint())
        .WithHint("put the right key into its place; `dbagentctl keys list` shows fingerprints");
  }
  const std::string object = FolderOf(instance, backup) + kKeysFolder + slot.key_id();
  const std::optional<std::string> nonce_bytes = FromHex(slot.nonce());
  std::optional<std::string> wrapped = FromHex(slot.wrapped());
  if (!nonce_bytes || nonce_bytes->size() != stream::kNonceBytes || !wrapped ||
      wrapped->size() != stream::kKeyBytes + stream::kTagBytes) {
    return CorruptObject(object, "is not what a key slot looks like");
  }
  stream::Nonce nonce;
  std::copy_n(AsBytes(*nonce_bytes).begin(), nonce.size(), nonce.begin());
  const Status opened = stream::Open(WrappingKey(key->second), nonce,
                                     AsBytes(Purpose(slot.key_id(), instance, backup)),
                                     std::as_writable_bytes(std::span(*wrapped)));
  if (!opened.ok()) return CorruptObject(object, "was altered: " + opened.message());
  wrapped->resize(stream::kKeyBytes);
  Secret data_key(*wrapped);
  Wipe(*wrapped);
  return BackupCipher(std::move(data_key), instance, backup);
}

Status WriteKeySlot(const OpContext& ctx, storage::ObjectStore& store, const std::string& folder,
                    const internal::KeySlot& slot) {
  ASSIGN_OR_RETURN(const std::string json, ToJson(slot));
  // the same backup never has two slots of one key, but a rotation may be repeated
  return store.Replace(ctx, folder + kKeysFolder + slot.key_id(), AsBytes(json));
}

Result<BackupCipher> OpenKeySlot(const OpContext& ctx, storage::ObjectStore& store,
                                 const KeyRing& ring, const std::string& id,
                                 const std::string& instance, const std::string& backup) {
  const std::string object = FolderOf(instance, backup) + kKeysFolder + id;
  ASSIGN_OR_RETURN(const std::vector<std::byte> content,
                   store.Get(ctx, object, kLargestMarkerBytes));
  internal::KeySlot slot;
  RETURN_IF_ERROR(FromJson(AsText(content), object, slot));
  slot.set_key_id(id);  // its name is what counts
  return ring.Unwrap(slot, instance, backup);
}

Result<BackupCipher> OpenKeySlots(const OpContext& ctx, storage::ObjectStore& store,
                                  const KeyRing& ring, const std::string& instance,
                                  const std::string& backup) {
  std::vector<std::string> ids = ring.ids();
  std::stable_partition(ids.begin(), ids.end(),
                        [&](const std::string& id) { return id == ring.active(); });
  std::optional<Status> first_error;
  // Asked by name: a listing may lag. Twice, because a rotation may go on: it writes the new slot
  // before it takes the old one away.
  for (int round = 0; round < 2; ++round) {
    for (const std::string& id : ids) {
      Result<BackupCipher> cipher = OpenKeySlot(ctx, store, ring, id, instance, backup);
      if (cipher.ok()) {
        if (first_error) first_error->Ignore("another key opened it");
        return cipher;
      }
      if (cipher.status().reason() == "OBJECT_NOT_FOUND" || first_error) continue;
      first_error = std::move(cipher).status();
    }
  }
  if (first_error) return *std::move(first_error);
  ASSIGN_OR_RETURN(const std::vector<std::string> slots,
                   ListKeySlots(ctx, store, FolderOf(instance, backup)));
  return Error(Code::kFailedPrecondition, "KEY_MISSING",
               "backup '{}' is encrypted, and the key ring has {}; {}", backup,
               ids.empty() ? "no keys" : fmt::format("only {}", fmt::join(ids, ", ")),
               slots.empty() ? "it shows no key slot"
                             : fmt::format("it can be opened by {}", fmt::join(slots, ", ")))
      .WithHint("add that key under encryption.keys in the settings");
}

Result<std::vector<std::string>> ListKeySlots(const OpContext& ctx, storage::ObjectStore& store,
                                              const std::string& folder) {
  std::vector<std::string> ids;
  const std::string prefix = folder + kKeysFolder;
  RETURN_IF_ERROR(ListAll(store, ctx, prefix, [&](const storage::Listed& listed) {
    if (!listed.folder()) ids.push_back(listed.name.substr(prefix.size()));
    return Ok();
  }));
  return ids;
}

}  // namespace dbagent::backup
