#include "agent/backup/repository.h"

#include <algorithm>

#include "agent/backup/chunk_reader.h"
#include "agent/backup/json.h"
#include "agent/backup/layout.h"
#include "agent/backup/lease.h"
#include "agent/backup/time.h"
#include "agent/base/ids.h"
#include "agent/base/kill_point.h"
#include "agent/stream/sha256.h"

namespace dbagent::backup {
namespace {

constexpr std::size_t kRemovedAtOnce = 1000;  // names held meanwhile
constexpr std::string_view kDigestLine = "sha256 ", kSealLine = "hmac-sha256 ";
constexpr std::uint32_t kOldestFormat = 1;
constexpr std::size_t kVerificationsKept = 10;
constexpr std::chrono::minutes kAfterManifest{1};

Status NotFound(const std::string& backup) {
  return Error(Code::kNotFound, "BACKUP_NOT_FOUND", "no backup '{}'", backup)
      .WithHint("list them with `dbagentctl backup list`");
}

}  // namespace

std::string Repository::Folder(const std::string& backup) const {
  return FolderOf(instance_, backup);
}

// The manifest's second line is the digest of the first, so that chance cannot alter it unseen; the
// third, of an encrypted backup, can only be made with the key.
Status Repository::WriteManifest(const OpContext& ctx, const internal::Manifest& manifest,
                                 const std::optional<BackupCipher>& cipher) {
  ASSIGN_OR_RETURN(const std::string json, ToJson(manifest));
  std::string text = fmt::format("{}{}{}\n", json, kDigestLine, stream::Sha256Hex(AsBytes(json)));
  if (cipher) text += fmt::format("{}{}\n", kSealLine, cipher->Authenticate(json));
  return store_.Put(ctx, Folder(manifest.id()) + kManifestName, AsBytes(text));
}

// Who sweeps marks the folder and then looks for the manifest; we write the manifest and then look
// for the mark. So at least one of the two sees the other, whatever came between (a machine that
// was paused for hours, too).
Status Repository::Publish(const OpContext& ctx, Lease& lease, const internal::Manifest& manifest,
                           const std::optional<BackupCipher>& cipher) {
  ASSIGN_OR_RETURN(const std::chrono::milliseconds lasts, lease.Confirm(ctx));
  RETURN_IF_ERROR(WriteManifest(ctx.WithBudget(lasts), manifest, cipher));
  KillPoint("backup.manifest_written");
  const OpContext after = ctx.ForCleanup(kAfterManifest);  // it exists: a cancel comes too late
  const Result<std::chrono::milliseconds> confirmed = lease.Confirm(after);
  if (!confirmed.ok() && confirmed.status().reason() == "BACKUP_LEASE_LOST")
    return confirmed.status();
  return Ok();
}

Result<Repository::ManifestText> Repository::ReadText(const OpContext& ctx,
                                                      const std::string& backup) {
  if (!IsId(backup)) return NotFound(backup);
  const std::string object = Folder(backup) + kManifestName;
  const Result<std::vector<std::byte>> content = store_.Get(ctx, object, kLargestManifestBytes);
  if (!content.ok()) {
    if (content.status().reason() == "OBJECT_NOT_FOUND") return NotFound(backup);
    return content.status();
  }
  const std::string_view text = AsText(*content);
  const std::size_t end = text.find('\n');
  const std::string_view json = text.substr(0, end == std::string_view::npos ? 0 : end + 1);
  const std::string digest = fmt::format("{}{}\n", kDigestLine, stream::Sha256Hex(AsBytes(json)));
  const std::string_view rest = text.substr(json.size());
  if (!rest.starts_with(digest))
    return CorruptObject(object, "was cut or altered: its SHA-256 is not the one at its end");
  return ManifestText{std::string(json), std::string(rest.substr(digest.size()))};
}

Result<internal::Manifest> Repository::Parse(const ManifestText& text, const std::string& backup) {
  const std::string object = Folder(backup) + kManifestName;
  internal::Manifest manifest;
  RETURN_IF_ERROR(FromJson(text.json, object, manifest));
  if (manifest.format() < kOldestFormat || manifest.format() > kFormat ||
      (manifest.has_encryption() && manifest.encryption().cipher() != kCipher)) {
    return Error(Code::kFailedPrecondition, "BACKUP_FORMAT_UNKNOWN",
                 "backup '{}' has format {}{}, this agent knows up to {}", backup,
                 manifest.format(),
                 manifest.has_encryption()
                     ? fmt::format(" and cipher '{}'", manifest.encryption().cipher())
                     : "",
                 kFormat)
        .WithHint("restore it with the agent that made it, or a newer one");
  }
  if (manifest.id() != backup || manifest.instance_id() != instance_)
    return CorruptObject(object, fmt::format("is of another backup, '{}'", manifest.id()));
  if (text.seal.empty() == manifest.has_encryption())
    return CorruptObject(object, "was altered: its lines do not fit what it says of encryption");
  return manifest;
}

Result<internal::Manifest> Repository::ReadManifest(const OpContext& ctx,
                                                    const std::string& backup) {
  ASSIGN_OR_RETURN(const ManifestText text, ReadText(ctx, backup));
  return Parse(text, backup);
}

Result<OpenedBackup> Repository::Open(const OpContext& ctx, const std::string& backup,
                                      const KeyRing& ring) {
  ASSIGN_OR_RETURN(const ManifestText text, ReadText(ctx, backup));
  OpenedBackup opened;
  ASSIGN_OR_RETURN(opened.manifest, Parse(text, backup));
  if (!opened.manifest.has_encryption()) return opened;
  ASSIGN_OR_RETURN(opened.cipher, OpenKeySlots(ctx, store_, ring, instance_, backup));
  if (text.seal != fmt::format("{}{}\n", kSealLine, opened.cipher->Authenticate(text.json))) {
    return CorruptObject(Folder(backup) + kManifestName,
                         "was altered: it was not sealed with the backup's key");
  }
  return opened;
}

Result<std::vector<internal::Chunk>> Repository::ReadIndex(const OpContext& ctx,
                                                           const std::string& backup,
                                                           const internal::IndexRef& ref) {
  const std::string object = Folder(backup) + ref.object();
  const Result<std::vector<std::byte>> content =
      store_.GetStored(ctx, object, kLargestManifestBytes);
  if (!content.ok() && content.status().reason() == "OBJECT_NOT_FOUND")
    return CorruptObject(object, "is missing");
  if (!content.ok()) return content.status();
  if (stream::Sha256Hex(*content) != ref.sha256())
    return CorruptObject(object, "was altered: its SHA-256 is not the manifest's");
  internal::Index index;
  RETURN_IF_ERROR(FromJson(AsText(*content), object, index));
  return std::vector<internal::Chunk>(index.chunks().begin(), index.chunks().end());
}

Result<bool> Repository::Exists(const OpContext& ctx, const std::string& backup) {
  return store_.Exists(ctx, Folder(backup) + kManifestName);
}

Result<bool> Repository::IsWhole(const OpContext& ctx, const std::string& backup) {
  ASSIGN_OR_RETURN(const bool exists, Exists(ctx, backup));
  if (!exists) return false;
  ASSIGN_OR_RETURN(const bool deleting, store_.Exists(ctx, Folder(backup) + kDeletingName));
  return !deleting;
}

Result<std::vector<std::string>> Repository::List(const OpContext& ctx) {
  std::vector<std::string> ids;
  ASSIGN_OR_RETURN(const std::vector<std::string> folders, Folders(ctx));
  for (const std::string& id : folders) {
    const Result<bool> exists = Exists(ctx, id);
    // one that cannot be looked at must not hide the others, nor itself
    const bool unreadable = !exists.ok() && (exists.status().reason() == "PERMISSION_DENIED" ||
                                             exists.status().reason() == "IO_ERROR");
    if (!exists.ok() && !unreadable) return exists.status();
    if (unreadable || *exists) ids.push_back(id);
  }
  std::reverse(ids.begin(), ids.end());
  return ids;
}

Result<std::vector<std::string>> Repository::Folders(const OpContext& ctx) {
  const std::string prefix = instance_ + "/";
  std::vector<std::string> ids;
  RETURN_IF_ERROR(ListAll(store_, ctx, prefix, [&](const storage::Listed& listed) -> Status {
    if (!listed.folder() || !listed.name.starts_with(prefix)) return Ok();
    const std::string id =
        listed.name.substr(prefix.size(), listed.name.size() - prefix.size() - 1);
    if (IsId(id)) ids.push_back(id);
    return Ok();
  }));
  return ids;
}

Status Repository::RemoveBelow(const OpContext& ctx, const std::string& folder, Removed& removed) {
  const std::string markers[] = {folder + kInProgressName, folder + kDeletingName};
  std::vector<std::string> names;
  const auto remove = [&]() -> Status {
    RETURN_IF_ERROR(store_.RemoveAll(ctx, names));
    removed.objects += names.size();
    names.clear();
    return Ok();
  };
  RETURN_IF_ERROR(ListAll(store_, ctx, folder, [&](const storage::Listed& listed) -> Status {
    if (listed.folder()) return RemoveBelow(ctx, listed.name, removed);
    if (listed.name == markers[0] || listed.name == markers[1]) return Ok();  // the last to go
    names.push_back(listed.name);
    removed.bytes += listed.bytes;
    return names.size() < kRemovedAtOnce ? Ok() : remove();
  }));
  return remove();
}

Result<Removed> Repository::RemoveOtherAttempts(const OpContext& ctx,
                                                const internal::Manifest& manifest) {
  Removed removed;
  for (const char* kind : {kChunksFolder, kIndexFolder}) {
    const std::string folder = Folder(manifest.id()) + kind;
    RETURN_IF_ERROR(ListAll(store_, ctx, folder, [&](const storage::Listed& listed) -> Status {
      const bool named = std::any_of(
          manifest.streams().begin(), manifest.streams().end(),
          [&](const auto& stream) { return listed.name.ends_with("-" + stream.attempt() + "/"); });
      if (!listed.folder() || named) return Ok();
      return RemoveBelow(ctx, listed.name, removed);
    }));
  }
  return removed;
}

Status Repository::RemoveMarker(const OpContext& ctx, const std::string& backup) {
  return store_.Remove(ctx, Folder(backup) + kInProgressName);
}

Result<Removed> Repository::Remove(const OpContext& ctx, const std::string& backup) {
  if (!IsId(backup)) return NotFound(backup);
  const std::string folder = Folder(backup);
  internal::Deleting content;
  SetTime(std::chrono::system_clock::now(), *content.mutable_time());
  content.set_agent(AgentLife());
  ASSIGN_OR_RETURN(const std::string json, ToJson(content));
  const Status marked = store_.Put(ctx, folder + kDeletingName, AsBytes(json));
  // a store without room must still let go; the journal knows of it too
  if (!marked.ok() && marked.reason() != "OBJECT_EXISTS" && marked.reason() != "NO_SPACE")
    return marked;
  KillPoint("backup.delete.marked");
  Removed removed;
  RETURN_IF_ERROR(store_.Remove(ctx, folder + kManifestName));
  KillPoint("backup.delete.manifest_removed");
  RETURN_IF_ERROR(RemoveBelow(ctx, folder, removed));
  KillPoint("backup.delete.objects_removed");
  RETURN_IF_ERROR(store_.Remove(ctx, folder + kInProgressName));
  KillPoint("backup.delete.marker_removed");
  RETURN_IF_ERROR(store_.Remove(ctx, folder + kDeletingName));
  return removed;
}

Result<std::vector<std::string>> Repository::Verifications(const OpContext& ctx,
                                                           const std::string& backup) {
  std::vector<std::string> names;
  RETURN_IF_ERROR(
      ListAll(store_, ctx, Folder(backup) + kVerifyFolder, [&](const storage::Listed& listed) {
        if (!listed.folder()) names.push_back(listed.name);
        return Ok();
      }));
  return names;
}

Status Repository::WriteVerification(const OpContext& ctx, const std::string& backup,
                                     const internal::Verification& verification) {
  ASSIGN_OR_RETURN(const std::string json, ToJson(verification));
  RETURN_IF_ERROR(store_.Put(ctx, Folder(backup) + kVerifyFolder + NewId(), AsBytes(json)));
  ASSIGN_OR_RETURN(const std::vector<std::string> all, Verifications(ctx, backup));
  for (std::size_t at = 0; at + kVerificationsKept < all.size(); ++at)
    RETURN_IF_ERROR(store_.Remove(ctx, all[at]));
  return Ok();
}

Result<std::optional<internal::Verification>> Repository::LastVerification(
    const OpContext& ctx, const std::string& backup) {
  ASSIGN_OR_RETURN(const std::vector<std::string> all, Verifications(ctx, backup));
  if (all.empty()) return std::optional<internal::Verification>();
  ASSIGN_OR_RETURN(const std::vector<std::byte> content,
                   store_.Get(ctx, all.back(), kLargestMarkerBytes));
  internal::Verification verification;
  RETURN_IF_ERROR(FromJson(AsText(content), all.back(), verification));
  return std::optional(std::move(verification));
}

}  // namespace dbagent::backup
