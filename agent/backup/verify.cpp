#include "agent/backup/verify.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "agent/backup/chunk_reader.h"
#include "agent/backup/layout.h"
#include "agent/backup/time.h"
#include "agent/base/kill_point.h"
#include "agent/base/parallel.h"

namespace dbagent::backup {
namespace {

constexpr int kBadKept = 1000, kBadTold = 10;

class Verifier {
 public:
  Verifier(const OpContext& ctx, ReadFlow& flow, const KeyRing& ring, const std::string& instance,
           const std::string& backup)
      : ctx_(ctx), flow_(flow), ring_(ring), repository_(flow.store(), instance), backup_(backup) {}

  Result<internal::Verification> Run() {
    SetTime(std::chrono::system_clock::now(), *found_.mutable_start_time());
    RETURN_IF_ERROR(LookAtEverything());
    SetTime(std::chrono::system_clock::now(), *found_.mutable_end_time());
    return std::move(found_);
  }

 private:
  Status LookAtEverything() {
    Result<OpenedBackup> opened = repository_.Open(ctx_, backup_, ring_);
    const std::string object = repository_.Folder(backup_) + kManifestName;
    if (!opened.ok()) return Judge(object, opened.status());
    cipher_ = std::move(opened->cipher);
    Count(0);
    std::uint64_t total = 0;
    for (const internal::Stream& stream : opened->manifest.streams())
      total += stream.stored_bytes();
    ctx_.SetTotalBytes(total);
    for (const internal::Stream& stream : opened->manifest.streams())
      RETURN_IF_ERROR(LookAtStream(object, stream));
    return Ok();
  }

  Status LookAtStream(const std::string& manifest, const internal::Stream& stream) {
    std::uint64_t chunks = 0, source = 0, stored = 0;
    bool indexes_read = true;
    for (const internal::IndexRef& ref : stream.indexes()) {
      const Result<std::vector<internal::Chunk>> index = repository_.ReadIndex(ctx_, backup_, ref);
      if (!index.ok()) {
        indexes_read = false;  // what it names cannot be known, the rest can
        RETURN_IF_ERROR(Judge(repository_.Folder(backup_) + ref.object(), index.status()));
        continue;
      }
      Count(0);
      std::vector<PlacedChunk> placed;
      for (const internal::Chunk& chunk : *index) {
        placed.push_back({chunk, chunks, chunks + 1 == stream.chunks()});
        ++chunks;
        source += chunk.source_bytes();
        stored += chunk.stored_bytes();
      }
      RETURN_IF_ERROR(LookAtChunks(stream, placed));
    }
    if (indexes_read && (chunks != stream.chunks() || source != stream.source_bytes() ||
                         stored != stream.stored_bytes())) {
      Note(manifest, fmt::format("and the indexes of stream '{}' do not agree", stream.name()));
    }
    return Ok();
  }

  Status LookAtChunks(const internal::Stream& stream, const std::vector<PlacedChunk>& chunks) {
    std::atomic<std::size_t> next = 0;
    const std::size_t threads = std::min<std::size_t>(ReadFlow::kThreads, chunks.size());
    return ForEachParallel(
        ctx_, threads, threads, [&](const OpContext& ctx, std::size_t) -> Status {
          ChunkReader reader(
              flow_, repository_.Folder(backup_),
              cipher_ ? std::optional(cipher_->ForStream(stream.attempt())) : std::nullopt);
          for (std::size_t at = next++; at < chunks.size(); at = next++) {
            const internal::Chunk& chunk = chunks[at].chunk;
            const Status read = reader.Verify(ctx, chunks[at]);
            if (read.ok()) {
              Count(chunk.stored_bytes());
            } else {
              RETURN_IF_ERROR(Judge(repository_.Folder(backup_) + chunk.object(), read));
            }
            ctx.ShowStages(flow_.Figures());
            ctx.AddBytes(chunk.stored_bytes());
            KillPoint("backup.verify.chunk");
          }
          return Ok();
        });
  }

  // An object that is not what it should be, or that the store has and cannot give, is noted; what
  // says nothing of the object (the store is away, a cancel) ends the verification.
  Status Judge(const std::string& object, const Status& status) {
    if (status.code() == Code::kDataLoss) {
      // `the backup's object '<name>' <why>`
      const std::string& text = status.message();
      const std::size_t end = text.find("' ");
      Note(object, end == std::string::npos ? text : text.substr(end + 2));
      return Ok();
    }
    if (status.reason() != "IO_ERROR" && status.reason() != "PERMISSION_DENIED" &&
        status.reason() != "NAME_INVALID") {
      return status;
    }
    Note(object, status.FullMessage());
    return Ok();
  }

  void Note(const std::string& object, const std::string& why) {
    const std::lock_guard lock(mutex_);
    found_.set_bad_count(found_.bad_count() + 1);
    if (found_.bad_size() == kBadKept) return;
    internal::BadObject& bad = *found_.add_bad();
    bad.set_object(object);
    bad.set_why(why);
  }
  void Count(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    found_.set_objects(found_.objects() + 1);
    found_.set_stored_bytes(found_.stored_bytes() + bytes);
  }

  const OpContext& ctx_;
  ReadFlow& flow_;
  const KeyRing& ring_;
  Repository repository_;
  const std::string backup_;
  std::optional<BackupCipher> cipher_;
  std::mutex mutex_;
  internal::Verification found_;
};

// `shop public.t: block 3 …; `
std::string FirstFindings(const internal::Verification& verification) {
  std::string list;
  for (int i = 0; i < std::min(verification.findings_size(), kBadTold); ++i) {
    const internal::Finding& finding = verification.findings(i);
    list += i == 0 ? "" : "; ";
    for (const std::string& part : {finding.database(), finding.object()})
      list += part.empty() ? "" : fmt::format("'{}' ", part);
    list += finding.what();
  }
  if (verification.finding_count() > kBadTold) list += "; …";
  return list;
}

Status OfRestore(const internal::Verification& verification, const std::string& backup) {
  const std::string list = FirstFindings(verification);
  if (!verification.failure().empty()) {
    const bool corrupt = verification.failure_reason() == "BACKUP_CORRUPT";
    return Error(Code::kDataLoss, corrupt ? "BACKUP_CORRUPT" : "BACKUP_UNRESTORABLE",
                 "backup '{}' cannot be restored: {}{}{}", backup, verification.failure(),
                 list.empty() ? "" : "; found before: ", list)
        .WithHint("do not count on this backup: take another one, and verify that");
  }
  if (verification.finding_count() == 0) return Ok();
  return Error(Code::kDataLoss, "BACKUP_DAMAGED",
               "backup '{}' restores, and {} place{} in its data {} damaged: {}", backup,
               verification.finding_count(), verification.finding_count() == 1 ? "" : "s",
               verification.finding_count() == 1 ? "is" : "are", list)
      .WithField("findings", std::to_string(verification.finding_count()))
      .WithHint(
          "the server's own data was damaged when the backup was made: look at the server, and "
          "keep older backups until one verifies");
}

}  // namespace

Result<internal::Verification> Verify(const OpContext& ctx, ReadFlow& flow, const KeyRing& ring,
                                      const std::string& instance, const std::string& backup) {
  ASSIGN_OR_RETURN(internal::Verification found, Verifier(ctx, flow, ring, instance, backup).Run());
  // threads finish in any order; the report is the same for the same backup
  std::sort(found.mutable_bad()->begin(), found.mutable_bad()->end(),
            [](const auto& a, const auto& b) { return a.object() < b.object(); });
  return found;
}

Status ToStatus(const internal::Verification& verification, const std::string& backup) {
  if (verification.level() == kRestoreLevel) return OfRestore(verification, backup);
  if (verification.bad_count() == 0) return Ok();
  std::string list;
  for (int i = 0; i < std::min(verification.bad_size(), kBadTold); ++i) {
    list += fmt::format("{}'{}' {}", i == 0 ? "" : "; ", verification.bad(i).object(),
                        verification.bad(i).why());
  }
  if (verification.bad_count() > kBadTold) list += "; …";
  return Error(Code::kDataLoss, "BACKUP_CORRUPT", "backup '{}' has {} bad object{}: {}", backup,
               verification.bad_count(), verification.bad_count() == 1 ? "" : "s", list)
      .WithField("object", verification.bad(0).object())
      .WithField("bad_objects", std::to_string(verification.bad_count()))
      .WithHint("this backup cannot be restored whole; take another one, and look at the store");
}

}  // namespace dbagent::backup
