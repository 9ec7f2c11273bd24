// Streams on their way to a store and back, by a store in memory that can be slow, full or away.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "agent/backup/chunk_writer.h"
#include "agent/backup/layout.h"
#include "agent/backup/stream_source.h"
#include "tests/support/status_matchers.h"

namespace dbagent::backup {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using tests::ReasonOf;

constexpr const char* kInstance = "11111111-2222-4333-8444-555555555555";
constexpr const char* kBackup = "20261127T080000Z-000000000001";

class MemoryStore : public storage::ObjectStore {
 public:
  // Called with every Put, before it: may wait, or fail it.
  std::function<Status(const OpContext&, const std::string&)> on_put;

  Status Put(const OpContext& ctx, const std::string& name,
             const storage::Content& content) override {
    if (on_put) RETURN_IF_ERROR(on_put(ctx, name));
    const std::lock_guard lock(mutex_);
    if (!objects_.emplace(name, std::vector<std::byte>(content.bytes.begin(), content.bytes.end()))
             .second)
      return Error(Code::kAlreadyExists, "OBJECT_EXISTS", "'{}' exists", name);
    return Ok();
  }
  Status Replace(const OpContext&, const std::string&, Bytes) override { return Ok(); }
  Result<std::vector<std::byte>> Get(const OpContext&, const std::string& name,
                                     std::size_t) override {
    const std::lock_guard lock(mutex_);
    ++gets_;
    const auto found = objects_.find(name);
    if (found == objects_.end())
      return Error(Code::kNotFound, "OBJECT_NOT_FOUND", "there is no '{}'", name);
    return found->second;
  }
  Result<bool> Exists(const OpContext&, const std::string&) override { return true; }
  Result<std::vector<storage::Listed>> List(const OpContext&, const std::string&,
                                            const storage::ListPage&) override {
    return std::vector<storage::Listed>();
  }
  Status Remove(const OpContext&, const std::string&) override { return Ok(); }
  std::size_t gets() {
    const std::lock_guard lock(mutex_);
    return gets_;
  }
  std::size_t objects() {
    const std::lock_guard lock(mutex_);
    return objects_.size();
  }

 private:
  std::mutex mutex_;
  std::size_t gets_ = 0;
  std::map<std::string, std::vector<std::byte>> objects_;
};

class BackupPipeline : public testing::Test {
 protected:
  OpContext ctx() const { return OpContext().WithBudget(120s); }
  std::string Noise(std::size_t bytes) {
    std::string text(bytes, '\0');
    for (std::size_t i = 0; i + 8 <= bytes; i += 8) {
      const std::uint64_t number = random_();
      std::copy_n(reinterpret_cast<const char*>(&number), 8, text.data() + i);
    }
    return text;
  }
  ChunkWriter::Options Options(std::uint64_t number = 0) {
    return {FolderOf(kInstance, kBackup), number, {}};
  }
  Result<internal::Stream> Write(Pipeline& pipeline, const std::string& content, int times = 1,
                                 std::uint64_t number = 0) {
    ChunkWriter writer(ctx(), pipeline, Options(number));
    for (int i = 0; i < times; ++i) RETURN_IF_ERROR(writer.Write(ctx(), AsBytes(content)));
    internal::Stream stream;
    RETURN_IF_ERROR(writer.Finish(ctx(), stream));
    return stream;
  }
  // Its SHA-256 would do as well; the length and the first difference say more.
  std::string ReadBack(const internal::Stream& stream) {
    OpenedBackup backup;
    backup.manifest.set_id(kBackup);
    ReadFlow flow(store_, budget_, nullptr);
    StreamSource source(ctx(), flow, {kInstance, backup, stream});
    return ReadAll(source);
  }
  std::string ReadAll(stream::Source& source) {
    std::string all;
    std::vector<std::byte> buffer(70000);
    for (;;) {
      const Result<std::size_t> got = source.Read(ctx(), buffer);
      EXPECT_OK(got);
      if (!got.ok() || *got == 0) return all;
      all += AsText(Bytes(buffer).first(*got));
    }
  }

  MemoryStore store_;
  stream::BufferBudget budget_{40U << 20U};
  RateLimit rate_;
  std::mt19937_64 random_{3};
};

TEST_F(BackupPipeline, StreamsOfAnyLengthComeBack) {
  Pipeline pipeline(store_, budget_, rate_, {});
  std::uint64_t number = 0;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kFrameBytes - 1, kFrameBytes,
                                 kFrameBytes + 1, kFirstChunkBytes, 3 * kFirstChunkBytes + 77}) {
    const std::string content = Noise(size);
    ASSERT_OK_AND_ASSIGN(const internal::Stream stream, Write(pipeline, content, 1, number++));
    EXPECT_GE(stream.chunks(), 1U);
    EXPECT_EQ(stream.source_bytes(), size);
    EXPECT_TRUE(ReadBack(stream) == content) << size;
  }
}

TEST_F(BackupPipeline, WhatIsLeftOutIsNotFetched) {
  Pipeline pipeline(store_, budget_, rate_, {.chunk_bytes = 1});  // a frame each
  const std::string content = Noise(5 * kFrameBytes);
  ASSERT_OK_AND_ASSIGN(const internal::Stream stream, Write(pipeline, content));
  ASSERT_EQ(stream.chunks(), 6U);  // the last one is empty
  OpenedBackup backup;
  backup.manifest.set_id(kBackup);
  for (const std::size_t skipped :
       {std::size_t{0}, std::size_t{10}, kFrameBytes, 3 * kFrameBytes + 10, 5 * kFrameBytes}) {
    ReadFlow flow(store_, budget_, nullptr);
    StreamSource source(ctx(), flow, {kInstance, backup, stream});
    const std::size_t before = store_.gets();
    ASSERT_OK(source.Skip(ctx(), skipped));
    EXPECT_TRUE(ReadAll(source) == content.substr(skipped)) << skipped;
    EXPECT_EQ(store_.gets() - before, 1 + 6 - skipped / kFrameBytes) << skipped;  // and the index
  }
  ReadFlow flow(store_, budget_, nullptr);
  StreamSource source(ctx(), flow, {kInstance, backup, stream});
  EXPECT_EQ(ReasonOf(source.Skip(ctx(), 5 * kFrameBytes + 1)), "SOURCE_SHORT");
}

TEST_F(BackupPipeline, AStreamOfMoreThanOneIndexComesBackInOrder) {
  Pipeline pipeline(store_, budget_, rate_, {.chunk_bytes = 1});  // a frame each
  const int frames = static_cast<int>(kChunksPerIndex) + 3;
  std::string frame(kFrameBytes, 'x');
  ChunkWriter writer(ctx(), pipeline, Options());
  for (int i = 0; i < frames; ++i) {
    frame.replace(0, 8, fmt::format("{:08}", i));
    ASSERT_OK(writer.Write(ctx(), AsBytes(frame)));
  }
  internal::Stream stream;
  ASSERT_OK(writer.Finish(ctx(), stream));
  EXPECT_EQ(stream.indexes_size(), 2);
  EXPECT_GE(stream.chunks(), static_cast<std::uint64_t>(frames));
  OpenedBackup backup;
  backup.manifest.set_id(kBackup);
  ReadFlow flow(store_, budget_, nullptr);
  StreamSource source(ctx(), flow, {kInstance, backup, stream});
  std::string got;
  std::vector<std::byte> buffer(kFrameBytes);
  for (int i = 0; i < frames; ++i) {
    while (got.size() < kFrameBytes) {
      ASSERT_OK_AND_ASSIGN(const std::size_t count,
                           source.Read(ctx(), std::span(buffer).first(kFrameBytes - got.size())));
      ASSERT_GT(count, 0U);
      got += AsText(Bytes(buffer).first(count));
    }
    ASSERT_EQ(got.substr(0, 8), fmt::format("{:08}", i));
    got.clear();
  }
}

// One slow upload keeps nothing else from going on; many slow ones make the source wait, and memory
// stays within its budget.
TEST_F(BackupPipeline, TheSourceWaitsForMemoryAndNotForOneUpload) {
  std::atomic<bool> release = false, first = true;
  store_.on_put = [&](const OpContext& put, const std::string& name) -> Status {
    if (!name.ends_with(".zst") || !first.exchange(false)) return Ok();
    while (!release && put.Poll().ok()) std::this_thread::sleep_for(5ms);
    return put.Poll();
  };
  Pipeline pipeline(store_, budget_, rate_, {.uploads = 2});
  ChunkWriter writer(ctx(), pipeline, Options());
  const std::string content = Noise(kFrameBytes);
  for (int i = 0; i < 60; ++i) ASSERT_OK(writer.Write(ctx(), AsBytes(content)));
  EXPECT_GT(store_.objects(), 5U);  // more than the budget went past the slow one
  release = true;
  internal::Stream stream;
  ASSERT_OK(writer.Finish(ctx(), stream));
  EXPECT_EQ(ReadBack(stream).size(), 60 * kFrameBytes);
}

TEST_F(BackupPipeline, ManyStreamsAtOnceFitIntoOneBudget) {
  Pipeline pipeline(store_, budget_, rate_, {});
  std::vector<std::string> contents;
  for (std::size_t i = 0; i < 16; ++i) contents.push_back(Noise(6 * kFrameBytes + i));
  std::vector<internal::Stream> streams(16);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      Result<internal::Stream> written = Write(pipeline, contents[i], 1, i);
      EXPECT_OK(written);
      if (written.ok()) streams[i] = *std::move(written);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < 16; ++i) EXPECT_TRUE(ReadBack(streams[i]) == contents[i]);
}

TEST_F(BackupPipeline, AStoreThatFailsEndsTheStreamWithItsError) {
  int puts = 0;
  store_.on_put = [&](const OpContext&, const std::string&) -> Status {
    if (++puts <= 2) return Ok();
    return Error(Code::kResourceExhausted, "NO_SPACE", "the store is full");
  };
  Pipeline pipeline(store_, budget_, rate_, {.uploads = 1});
  EXPECT_EQ(ReasonOf(Write(pipeline, Noise(kFirstChunkBytes), 50)), "NO_SPACE");
}

TEST_F(BackupPipeline, ACancelReachesAnUploadThatHangs) {
  store_.on_put = [](const OpContext& put, const std::string&) -> Status {
    while (put.Poll().ok()) std::this_thread::sleep_for(2ms);
    return put.Poll();
  };
  Pipeline pipeline(store_, budget_, rate_, {});
  const auto stop = std::make_shared<StopSwitch>();
  const OpContext stopping(stop, Deadline::Never(), "", nullptr);
  std::thread cancel([&] {
    std::this_thread::sleep_for(100ms);
    stop->RequestStop(StopReason::kCancelled);
  });
  ChunkWriter writer(stopping, pipeline, Options());
  const std::string content = Noise(kFrameBytes);
  Status status = Ok();
  for (int i = 0; i < 1000 && status.ok(); ++i) status = writer.Write(stopping, AsBytes(content));
  EXPECT_EQ(ReasonOf(status), "CANCELLED");
  cancel.join();
}

TEST_F(BackupPipeline, AWriterThatIsGivenUpStopsWhatIsUnderWay) {
  store_.on_put = [](const OpContext& put, const std::string&) -> Status {
    while (put.Poll().ok()) std::this_thread::sleep_for(2ms);
    return put.Poll();
  };
  Pipeline pipeline(store_, budget_, rate_, {});
  const auto begun = Clock::now();
  {
    ChunkWriter writer(ctx(), pipeline, Options());
    ASSERT_OK(writer.Write(ctx(), AsBytes(Noise(3 * kFirstChunkBytes))));
  }
  EXPECT_LT(Clock::now() - begun, 60s);
  EXPECT_EQ(store_.objects(), 0U);
}

// More compression while the store is what others wait for, and less again when it is not.
TEST_F(BackupPipeline, AnAdaptiveLevelFollowsWhereWorkWaits) {
  std::atomic<bool> slow = true;
  store_.on_put = [&](const OpContext&, const std::string&) {
    if (slow) std::this_thread::sleep_for(50ms);
    return Ok();
  };
  Pipeline pipeline(store_, budget_, rate_, {.adaptive = true, .uploads = 1, .chunk_bytes = 1});
  ASSERT_OK(Write(pipeline, Noise(kFrameBytes), 60));
  const int with_a_slow_store = pipeline.Level();
  EXPECT_GT(with_a_slow_store, 1);
  EXPECT_EQ(pipeline.Bottleneck(), "upload");
}

TEST_F(BackupPipeline, SaysWhatEachStageDid) {
  Pipeline pipeline(store_, budget_, rate_, {});
  ASSERT_OK(Write(pipeline, Noise(kFirstChunkBytes), 3));
  const std::vector<StageFigures> figures = pipeline.Figures();
  ASSERT_EQ(figures.size(), 3U);
  EXPECT_EQ(figures[0].name, "source");
  EXPECT_EQ(figures[0].bytes, 3 * kFirstChunkBytes);
  EXPECT_EQ(figures[1].name, "compress");
  EXPECT_EQ(figures[1].bytes, 3 * kFirstChunkBytes);
  EXPECT_GT(figures[1].busy, 0ns);
  EXPECT_EQ(figures[2].name, "upload");
  EXPECT_GE(figures[2].bytes, 3 * kFirstChunkBytes);
}

TEST_F(BackupPipeline, TheRateHoldsForTheWholeBackup) {
  rate_.Set(4 * kFrameBytes);
  Pipeline pipeline(store_, budget_, rate_, {});
  const auto begun = Clock::now();
  ASSERT_OK(Write(pipeline, Noise(kFrameBytes), 5));
  EXPECT_GE(Clock::now() - begun, 990ms);
  EXPECT_EQ(pipeline.Bottleneck(), "rate");
}

TEST_F(BackupPipeline, ReadersCountWhatEachStageDidAndTellWhatTheOthersWaitedFor) {
  Pipeline pipeline(store_, budget_, rate_, {});
  const std::string content = Noise(12U << 20U);
  ASSERT_OK_AND_ASSIGN(const internal::Stream stream, Write(pipeline, content));
  OpenedBackup backup;
  backup.manifest.set_id(kBackup);
  const auto read = [&](ReadFlow& flow, std::chrono::milliseconds pause) {
    StreamSource source(ctx(), flow, {kInstance, backup, stream});
    std::vector<std::byte> buffer(1U << 20U);
    for (;;) {
      const Result<std::size_t> got = source.Read(ctx(), buffer);
      EXPECT_OK(got);
      if (!got.ok() || *got == 0) return;
      std::this_thread::sleep_for(pause);
    }
  };
  ReadFlow slow(store_, budget_, nullptr);
  EXPECT_EQ(slow.Report(), "");
  read(slow, 40ms);
  EXPECT_EQ(slow.Bottleneck(), "target");
  std::map<std::string, std::uint64_t> bytes;
  for (const StageFigures& stage : slow.Figures()) bytes[stage.name] = stage.bytes;
  EXPECT_EQ(bytes, (std::map<std::string, std::uint64_t>{{"download", stream.stored_bytes()},
                                                         {"check", stream.stored_bytes()},
                                                         {"decompress", stream.stored_bytes()},
                                                         {"target", stream.source_bytes()}}));
  RateLimit rate(20U << 20U);
  ReadFlow limited(store_, budget_, &rate);
  read(limited, 0ms);
  EXPECT_EQ(limited.Bottleneck(), "rate");
  EXPECT_TRUE(limited.Report().starts_with("bottleneck: rate (download ")) << limited.Report();
}

TEST_F(BackupPipeline, ARateOfReadingIsKeptToAndCanBeLetGoMeanwhile) {
  Pipeline pipeline(store_, budget_, rate_, {});
  ASSERT_OK_AND_ASSIGN(const internal::Stream stream, Write(pipeline, Noise(24U << 20U)));
  OpenedBackup backup;
  backup.manifest.set_id(kBackup);
  RateLimit rate(1);  // the first chunk goes, the next one in weeks
  ReadFlow flow(store_, budget_, &rate);
  StreamSource source(ctx(), flow, {kInstance, backup, stream});
  std::thread letting_go([&] {
    std::this_thread::sleep_for(500ms);
    EXPECT_LT(flow.Figures().front().bytes, stream.stored_bytes() / 2);
    rate.Set(0);
  });
  std::vector<std::byte> buffer(1U << 20U);
  std::uint64_t all = 0;
  for (;;) {
    const Result<std::size_t> got = source.Read(ctx(), buffer);
    EXPECT_OK(got);
    if (!got.ok() || *got == 0) break;
    all += *got;
  }
  letting_go.join();
  EXPECT_EQ(all, stream.source_bytes());
}

}  // namespace
}  // namespace dbagent::backup
