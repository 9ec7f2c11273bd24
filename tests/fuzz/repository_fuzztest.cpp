#include <string>
#include <vector>

#include "agent/backup/chunk_reader.h"
#include "agent/backup/repository.h"
#include "agent/stream/sha256.h"
#include "tests/fuzz/fuzz_target.h"

using namespace dbagent;

namespace {

// A store where every object is the input: what a stranger's store may answer.
class LyingStore : public storage::ObjectStore {
 public:
  explicit LyingStore(std::string_view content) : content_(content) {}
  Status Put(const OpContext&, const std::string&, const storage::Content&) override {
    return Ok();
  }
  Status Replace(const OpContext&, const std::string&, Bytes) override { return Ok(); }
  Result<std::vector<std::byte>> Get(const OpContext&, const std::string& name,
                                     std::size_t limit) override {
    if (content_.size() > limit)
      return Error(Code::kDataLoss, "OBJECT_TOO_LARGE", "object '{}' is too large", name);
    const Bytes bytes = AsBytes(content_);
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }
  Result<bool> Exists(const OpContext&, const std::string&) override { return true; }
  Result<std::vector<storage::Listed>> List(const OpContext&, const std::string&,
                                            const storage::ListPage&) override {
    return std::vector<storage::Listed>{{std::string(content_.substr(0, 64)) + "/", 0}};
  }
  Status Remove(const OpContext&, const std::string&) override { return Ok(); }

 private:
  std::string_view content_;
};

constexpr const char* kBackup = "20260101T000000Z-00000000";

}  // namespace

// Any bytes as a manifest or an index, their digest wrong or right, are refused with an error that
// says so, or are one. A chunk of another digest is never used.
void Try(std::string_view input) {
  const OpContext ctx;
  const auto read = [&](std::string_view manifest) {
    LyingStore store(manifest);
    backup::Repository repository(store, "instance");
    const auto answer = repository.ReadManifest(ctx, kBackup);
    if (answer.ok()) return;
    Require(answer.status().reason() == "BACKUP_CORRUPT" ||
                answer.status().reason() == "BACKUP_FORMAT_UNKNOWN" ||
                answer.status().reason() == "BACKUP_NOT_FOUND",
            "a bad manifest is told as such");
  };
  read(input);
  std::string line(input.substr(0, input.find('\n')));
  line += '\n';
  read(line + "sha256 " + stream::Sha256Hex(AsBytes(line)) + "\n");

  LyingStore store(input);
  backup::Repository repository(store, "instance");
  internal::Stream described;
  described.set_chunks(1);
  internal::IndexRef& index = *described.add_indexes();
  index.set_object("index/0000/0000");
  index.set_sha256(stream::Sha256Hex(AsBytes(input)));
  backup::ChunkCursor cursor(repository, kBackup, described);
  for (;;) {
    const auto placed = cursor.Next(ctx);
    if (!placed.ok())
      Require(placed.status().reason() == "BACKUP_CORRUPT", "a bad index is told as such");
    if (!placed.ok() || !*placed) break;
  }
  stream::BufferBudget budget(1U << 20U);
  backup::PlacedChunk placed;
  placed.chunk.set_stored_bytes(input.size());
  backup::ReadFlow flow(store, budget, nullptr);
  backup::ChunkReader reader(flow, "folder", {});
  Require(!reader.Verify(ctx, placed).ok(), "a chunk of another digest is refused");
}
