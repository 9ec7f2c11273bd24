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

constexpr unsigned kThreads = 3;
constexpr int kBadKept = 1000, kBadTold = 10;

class Verifier {
 public:
  Verifier(const OpContext& ctx, storage::ObjectStore& store, stream::BufferBudget& budget,
           const std::string& instance, const std::string& backup)
      : ctx_(ctx), store_(store), budget_(budget), repository_(store, instance), backup_(backup) {}

  Result<internal::Verification> Run() {
    SetTime(std::chrono::system_clock::now(), *found_.mutable_start_time());
    RETURN_IF_ERROR(LookAtEverything());
    SetTime(std::chrono::system_clock::now(), *found_.mutable_end_time());
    return std::move(found_);
  }

 private:
  Status LookAtEverything() {
    const Result<internal::Manifest> manifest = repository_.ReadManifest(ctx_, backup_);
    const std::string object = repository_.Folder(backup_) + kManifestName;
    if (!manifest.ok()) return Judge(object, manifest.status());
    Count(0);
    std::uint64_t total = 0;
    for (const internal::Stream& stream : manifest->streams()) total += stream.stored_bytes();
    ctx_.SetTotalBytes(total);
    for (const internal::Stream& stream : manifest->streams())
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
      for (const internal::Chunk& chunk : *index) {
        ++chunks;
        source += chunk.source_bytes();
        stored += chunk.stored_bytes();
      }
      RETURN_IF_ERROR(LookAtChunks(*index));
    }
    if (indexes_read && (chunks != stream.chunks() || source != stream.source_bytes() ||
                         stored != stream.stored_bytes())) {
      Note(manifest, fmt::format("and the indexes of stream '{}' do not agree", stream.name()));
    }
    return Ok();
  }

  Status LookAtChunks(const std::vector<internal::Chunk>& chunks) {
    std::atomic<std::size_t> next = 0;
    const std::size_t threads = std::min<std::size_t>(kThreads, chunks.size());
    return ForEachParallel(
        ctx_, threads, threads, [&](const OpContext& ctx, std::size_t) -> Status {
          ChunkReader reader(store_, budget_, repository_.Folder(backup_));
          for (std::size_t at = next++; at < chunks.size(); at = next++) {
            const Status read = reader.Verify(ctx, chunks[at]);
            if (read.ok()) {
              Count(chunks[at].stored_bytes());
            } else {
              RETURN_IF_ERROR(Judge(repository_.Folder(backup_) + chunks[at].object(), read));
            }
            ctx.AddBytes(chunks[at].stored_bytes());
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
  storage::ObjectStore& store_;
  stream::BufferBudget& budget_;
  Repository repository_;
  const std::string backup_;
  std::mutex mutex_;
  internal::Verification found_;
};

}  // namespace

Result<internal::Verification> Verify(const OpContext& ctx, storage::ObjectStore& store,
                                      stream::BufferBudget& budget, const std::string& instance,
                                      const std::string& backup) {
  ASSIGN_OR_RETURN(internal::Verification found,
                   Verifier(ctx, store, budget, instance, backup).Run());
  // threads finish in any order; the report is the same for the same backup
  std::sort(found.mutable_bad()->begin(), found.mutable_bad()->end(),
            [](const auto& a, const auto& b) { return a.object() < b.object(); });
  return found;
}

Status ToStatus(const internal::Verification& verification, const std::string& backup) {
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
