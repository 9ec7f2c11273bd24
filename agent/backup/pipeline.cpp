#include "agent/backup/pipeline.h"

#include <algorithm>

#include "agent/backup/layout.h"
#include "agent/stream/zstd_frame.h"

namespace dbagent::backup {
namespace {

constexpr unsigned kFramesBetweenLevels = 8;
constexpr int kHighestAdaptive = 12;  // beyond it zstd costs much and gains little
// Of the budget: chunks under way may hold all but what the frames before them need.
constexpr std::uint64_t kChunksInBudget = 8;
// A source that waited less than this share of the time was what the others waited for.
constexpr double kHardlyWaited = 0.1;

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Pipeline::Pipeline(storage::ObjectStore& store, stream::BufferBudget& budget, RateLimit& rate,
                   PipelineOptions options)
    : store_(store),
      budget_(budget),
      rate_(rate),
      options_(options),
      frame_buffers_(kFrameBytes, options.compress_threads + 1),
      level_(options.level),
      compress_("compress", options.compress_threads, options.polite),
      upload_("upload", options.uploads, options.polite) {
  if (options.polite) yield_.emplace();
}

int Pipeline::Level() {
  if (options_.adaptive && ++frames_ % kFramesBetweenLevels == 0) {
    const int level = level_;
    if (upload_.queued() > 0 && compress_.queued() == 0) {
      level_ = std::min(level + 1, kHighestAdaptive);
    } else if (upload_.queued() == 0 && compress_.queued() > 0) {
      level_ = std::max(level - 1, stream::kLowestLevel);
    }
  }
  return level_;
}

std::uint64_t Pipeline::ChunkBytes(std::uint64_t number) const {
  const std::uint64_t most = budget_.total() / kChunksInBudget;
  if (options_.chunk_bytes > 0) return std::min(options_.chunk_bytes, most);
  const std::uint64_t doublings = std::min<std::uint64_t>(number / kChunksPerGrowth, 8);
  return std::min({kFirstChunkBytes << doublings, kLargestChunkBytes, most});
}

void Pipeline::SourceGave(std::uint64_t bytes, SteadyTime::duration busy,
                          SteadyTime::duration for_room, SteadyTime::duration for_rate) {
  source_.Worked(busy);
  source_.Take(bytes, for_room + for_rate);
  waited_for_room_ += std::chrono::nanoseconds(for_room).count();
  waited_for_rate_ += std::chrono::nanoseconds(for_rate).count();
}

std::vector<StageFigures> Pipeline::Figures() const {
  return {source_.figures(), compress_.figures(), upload_.figures()};
}

std::string Pipeline::Bottleneck() const {
  const double elapsed = Seconds(std::chrono::steady_clock::now() - begun_);
  if (Seconds(std::chrono::nanoseconds(waited_for_rate_)) > elapsed / 2) return "rate";
  if (Seconds(std::chrono::nanoseconds(waited_for_room_)) < kHardlyWaited * elapsed)
    return "source";
  const StageFigures compress = compress_.figures(), upload = upload_.figures();
  return Seconds(compress.busy) / compress.threads >= Seconds(upload.busy) / upload.threads
             ? "compress"
             : "upload";
}

}  // namespace dbagent::backup
