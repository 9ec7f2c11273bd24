#include "agent/backup/repository.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "agent/backup/chunk_reader.h"
#include "agent/backup/layout.h"
#include "agent/base/ids.h"
#include "agent/base/kill_point.h"
#include "agent/stream/sha256.h"

namespace dbagent::backup {
namespace {

constexpr std::string_view kDigestLine = "sha256 ";

Result<std::string> ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) {
    return Error(Code::kInternal, "JSON_FAILED", "unable to write a manifest as JSON");
  }
  return json + "\n";
}

Status FromJson(std::string_view json, const std::string& object,
                google::protobuf::Message& message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // a later minor addition
  if (google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &message, options)
          .ok())
    return Ok();
  return CorruptObject(object, "is not what a manifest or an index looks like");
}

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

Result<std::vector<internal::Chunk>> Repository::ReadIndexes(const OpContext& ctx,
                                                             const std::string& backup,
                                                             const internal::Stream& stream) {
  std::vector<internal::Chunk> chunks;
  std::uint64_t source = 0, stored = 0;
  for (const internal::IndexRef& ref : stream.indexes()) {
    const std::string object = Folder(backup) + ref.object();
    const Result<std::vector<std::byte>> content = store_.Get(ctx, object, kLargestManifestBytes);
    if (!content.ok() && content.status().reason() == "OBJECT_NOT_FOUND")
      return CorruptObject(object, "is missing");
    if (!content.ok()) return content.status();
    if (stream::Sha256Hex(*content) != ref.sha256())
      return CorruptObject(object, "was altered: its SHA-256 is not the manifest's");
    internal::Index index;
    RETURN_IF_ERROR(FromJson(AsText(*content), object, index));
    for (internal::Chunk& chunk : *index.mutable_chunks()) {
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

Result<std::vector<std::string>> Repository::List(const OpContext& ctx) {
  const std::string prefix = instance_ + "/";
  ASSIGN_OR_RETURN(const std::vector<std::string> folders, store_.List(ctx, prefix));
  std::vector<std::string> ids;
  for (const std::string& folder : folders) {
    if (!folder.ends_with('/')) continue;
    const std::string id = folder.substr(prefix.size(), folder.size() - prefix.size() - 1);
    if (!IsId(id)) continue;
    ASSIGN_OR_RETURN(const bool exists, Exists(ctx, id));
    if (exists) ids.push_back(id);
  }
  std::reverse(ids.begin(), ids.end());
  return ids;
}

Status Repository::RemoveBelow(const OpContext& ctx, const std::string& folder) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, store_.List(ctx, folder));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(name.ends_with('/') ? RemoveBelow(ctx, name) : store_.Remove(ctx, name));
  }
  return Ok();
}

Status Repository::Remove(const OpContext& ctx, const std::string& backup) {
  if (!IsId(backup)) return NotFound(backup);
  RETURN_IF_ERROR(store_.Remove(ctx, Folder(backup) + kManifestName));
  KillPoint("backup.delete.manifest_removed");
  return RemoveBelow(ctx, Folder(backup));
}

}  // namespace dbagent::backup
