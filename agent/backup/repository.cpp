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

constexpr std::string_view kDigestLine = "sha256 ";
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

Status Repository::WriteIndexes(const OpContext& ctx, const std::string& backup,
                                std::uint64_t number, const std::vector<internal::Chunk>& chunks,
                                internal::Stream& stream) {
  for (std::size_t first = 0; first < chunks.size(); first += kChunksPerIndex) {
    internal::Index index;
    for (std::size_t i = first; i < std::min(first + kChunksPerIndex, chunks.size()); ++i)
      *index.add_chunks() = chunks[i];
    ASSIGN_OR_RETURN(const std::string json, ToJson(index));
    internal::IndexRef& ref = *stream.add_indexes();
    ref.set_object(IndexName(number, first / kChunksPerIndex));
    ref.set_sha256(stream::Sha256Hex(AsBytes(json)));
    RETURN_IF_ERROR(store_.Put(ctx, Folder(backup) + ref.object(), AsBytes(json)));
    KillPoint("backup.index_stored");
  }
  for (const internal::Chunk& chunk : chunks) {
    stream.set_source_bytes(stream.source_bytes() + chunk.source_bytes());
    stream.set_stored_bytes(stream.stored_bytes() + chunk.stored_bytes());
  }
  stream.set_chunks(chunks.size());
  return Ok();
}

// The manifest's second line is the digest of the first, so that chance cannot alter it unseen.
Status Repository::WriteManifest(const OpContext& ctx, const internal::Manifest& manifest) {
  ASSIGN_OR_RETURN(const std::string json, ToJson(manifest));
  const std::string text =
      fmt::format("{}{}{}\n", json, kDigestLine, stream::Sha256Hex(AsBytes(json)));
  return store_.Put(ctx, Folder(manifest.id()) + kManifestName, AsBytes(text));
}

// Who sweeps marks the folder and then looks for the manifest; we write the manifest and then look
// for the mark. So at least one of the two sees the other, whatever came between (a machine that
// was paused for hours, too).
Status Repository::Publish(const OpContext& ctx, Lease& lease, const internal::Manifest& manifest) {
  ASSIGN_OR_RETURN(const std::chrono::milliseconds lasts, lease.Confirm(ctx));
  RETURN_IF_ERROR(WriteManifest(ctx.WithBudget(lasts), manifest));
  KillPoint("backup.manifest_written");
  const OpContext after = ctx.ForCleanup(kAfterManifest);  // it exists: a cancel comes too late
  const Result<std::chrono::milliseconds> confirmed = lease.Confirm(after);
  if (!confirmed.ok() && confirmed.status().reason() == "BACKUP_LEASE_LOST")
    return confirmed.status();
  return Ok();
}

Result<internal::Manifest> Repository::ReadManifest(const OpContext& ctx,
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
  if (text.substr(json.size()) !=
      fmt::format("{}{}\n", kDigestLine, stream::Sha256Hex(AsBytes(json)))) {
    return CorruptObject(object, "was cut or altered: its SHA-256 is not the one at its end");
  }
  internal::Manifest manifest;
  RETURN_IF_ERROR(FromJson(json, object, manifest));
  if (manifest.format() != kFormat) {
    return Error(Code::kFailedPrecondition, "BACKUP_FORMAT_UNKNOWN",
                 "backup '{}' has format {}, this agent knows {}", backup, manifest.format(),
                 kFormat)
        .WithHint("restore it with the agent that made it, or a newer one");
  }
  if (manifest.id() != backup || manifest.instance_id() != instance_) {
    return CorruptObject(object, fmt::format("is of another backup, '{}'", manifest.id()));
  }
  return manifest;
}

Result<std::vector<internal::Chunk>> Repository::ReadIndex(const OpContext& ctx,
                                                           const std::string& backup,
                                                           const internal::IndexRef& ref) {
  const std::string object = Folder(backup) + ref.object();
  const Result<std::vector<std::byte>> content = store_.Get(ctx, object, kLargestManifestBytes);
  if (!content.ok() && content.status().reason() == "OBJECT_NOT_FOUND")
    return CorruptObject(object, "is missing");
  if (!content.ok()) return content.status();
  if (stream::Sha256Hex(*content) != ref.sha256())
    return CorruptObject(object, "was altered: its SHA-256 is not the manifest's");
  internal::Index index;
  RETURN_IF_ERROR(FromJson(AsText(*content), object, index));
  return std::vector<internal::Chunk>(index.chunks().begin(), index.chunks().end());
}

Result<std::vector<internal::Chunk>> Repository::ReadIndexes(const OpContext& ctx,
                                                             const std::string& backup,
                                                             const internal::Stream& stream) {
  std::vector<internal::Chunk> chunks;
  std::uint64_t source = 0, stored = 0;
  for (const internal::IndexRef& ref : stream.indexes()) {
    ASSIGN_OR_RETURN(std::vector<internal::Chunk> of_index, ReadIndex(ctx, backup, ref));
    for (internal::Chunk& chunk : of_index) {
      source += chunk.source_bytes();
      stored += chunk.stored_bytes();
      chunks.push_back(std::move(chunk));
    }
  }
  if (chunks.size() != stream.chunks() || source != stream.source_bytes() ||
      stored != stream.stored_bytes()) {
    return CorruptObject(Folder(backup) + kManifestName,
                         fmt::format("and the indexes of stream '{}' do not agree", stream.name()));
  }
  return chunks;
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
  return ListAll(store_, ctx, folder, [&](const storage::Listed& listed) -> Status {
    if (listed.folder()) return RemoveBelow(ctx, listed.name, removed);
    if (listed.name == markers[0] || listed.name == markers[1]) return Ok();  // the last to go
    RETURN_IF_ERROR(store_.Remove(ctx, listed.name));
    ++removed.objects;
    removed.bytes += listed.bytes;
    return Ok();
  });
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
