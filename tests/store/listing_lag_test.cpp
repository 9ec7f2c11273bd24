// A store whose listings lag: they do not show what was just written, or show what was removed.
// Listings only find things; what a backup is, its own objects say.
#include <gtest/gtest.h>

#include "agent/backup/chunk_writer.h"
#include "agent/backup/layout.h"
#include "agent/backup/lease.h"
#include "agent/backup/repository.h"
#include "agent/backup/sweep.h"
#include "agent/backup/verify.h"
#include "agent/base/ids.h"
#include "tests/store/scripted_settings.h"

namespace dbagent::tests {
namespace {

using std::chrono::system_clock;
using Strings = std::vector<std::string>;

class LaggingListings : public testing::Test {
 protected:
  // As the agent makes one: lease, chunks, manifest, the lease's end.
  std::string MakeBackup() {
    const std::string id = NewId();
    const auto lease = backup::Lease::Take(Ctx(), *store_, {instance_, id, "operation"});
    EXPECT_OK(lease);
    internal::Manifest manifest = WriteStream(id);
    EXPECT_OK(repository_.Publish(Ctx(), **lease, manifest, {}));
    EXPECT_OK((*lease)->End(Ctx()));
    return id;
  }
  internal::Manifest WriteStream(const std::string& id) {
    internal::Manifest manifest;
    manifest.set_format(backup::kFormat);
    manifest.set_id(id);
    manifest.set_instance_id(instance_);
    RateLimit rate;
    backup::Pipeline pipeline(*store_, budget_, rate, {});
    backup::ChunkWriter writer(Ctx(), pipeline, {repository_.Folder(id), 0, {}});
    EXPECT_OK(writer.Write(Ctx(), AsBytes("all that matters")));
    internal::Stream& stream = *manifest.add_streams();
    stream.set_name("stream");
    EXPECT_OK(writer.Finish(Ctx(), stream));
    return manifest;
  }
  std::uint64_t BadObjects(const std::string& id) {
    backup::ReadFlow flow(*store_, budget_, nullptr);
    const auto found = backup::Verify(Ctx(), flow, {}, instance_, id);
    EXPECT_OK(found);
    return found.ok() ? found->bad_count() : 999;
  }
  Strings Listed() {
    const auto listed = repository_.List(Ctx());
    EXPECT_OK(listed);
    return listed.ok() ? *listed : Strings();
  }
  backup::SweepReport SweepAt(WallTime now) {
    const auto report = backup::Sweep(Ctx(), *store_, instance_, now);
    EXPECT_OK(report);
    return report.ok() ? *report : backup::SweepReport();
  }
  std::size_t ObjectsOf(const std::string& id) const {
    std::size_t count = 0;
    for (const auto& [path, content] : server_.objects())
      count += path.find(id) == std::string::npos ? 0 : 1;
    return count;
  }

  ScriptedStore server_;
  const std::unique_ptr<storage::ObjectStore> store_ =
      OpenSwift(SwiftAt(server_.url() + "/v1/account"));
  const std::string instance_ = NewUuid();
  backup::Repository repository_{*store_, instance_};
  stream::BufferBudget budget_{40U << 20U};
};

TEST_F(LaggingListings, ABackupIsWholeBeforeAListingShowsIt) {
  server_.FreezeListings(true);
  const std::string id = MakeBackup();
  EXPECT_EQ(Listed(), Strings());
  EXPECT_OK(repository_.ReadManifest(Ctx(), id));
  EXPECT_EQ(BadObjects(id), 0U);
  server_.FreezeListings(false);
  EXPECT_EQ(Listed(), Strings{id});
}

TEST_F(LaggingListings, ABackupThatWasRemovedIsNotShownThoughAListingStillHasIt) {
  const std::string id = MakeBackup();
  server_.FreezeListings(true);
  ASSERT_OK(repository_.Remove(Ctx(), id));
  EXPECT_EQ(ObjectsOf(id), 0U);
  EXPECT_EQ(Listed(), Strings());
  EXPECT_EQ(ReasonOf(repository_.ReadManifest(Ctx(), id)), "BACKUP_NOT_FOUND");
}

TEST_F(LaggingListings, WhatARemovalWasNotShownASweepRemovesLater) {
  server_.FreezeListings(true);
  const std::string id = MakeBackup();
  ASSERT_OK(repository_.Remove(Ctx(), id));  // the listing shows none of its chunks
  EXPECT_GT(ObjectsOf(id), 0U);
  EXPECT_EQ(ReasonOf(repository_.ReadManifest(Ctx(), id)), "BACKUP_NOT_FOUND");
  server_.FreezeListings(false);
  EXPECT_EQ(Listed(), Strings());
  const WallTime now = system_clock::now();
  EXPECT_EQ(SweepAt(now).waiting, Strings{id});
  SweepAt(now + backup::kClockMargin + backup::kLease + std::chrono::minutes(1));
  EXPECT_EQ(ObjectsOf(id), 0U);
}

TEST_F(LaggingListings, ASweepLeavesALivingBackupAloneWhoseMarkerNoListingShows) {
  const std::string id = NewId();
  internal::Manifest manifest = WriteStream(id);
  server_.FreezeListings(true);  // chunks, and no marker
  ASSERT_OK_AND_ASSIGN(const auto lease,
                       backup::Lease::Take(Ctx(), *store_, {instance_, id, "operation"}));
  EXPECT_EQ(SweepAt(system_clock::now()).waiting, Strings{id});
  ASSERT_OK(repository_.Publish(Ctx(), *lease, manifest, {}));
  ASSERT_OK(lease->End(Ctx()));
  const backup::SweepReport report =
      SweepAt(system_clock::now() + backup::kClockMargin + backup::kLease * 2);
  EXPECT_TRUE(report.removed.empty());
  EXPECT_EQ(BadObjects(id), 0U);
}

TEST_F(LaggingListings, ASweepOfWhatIsGoneAlreadyEndsWithNothingLeft) {
  const std::string id = NewId();
  WriteStream(id);
  server_.FreezeListings(true);
  ASSERT_OK(repository_.Remove(Ctx(), id));
  const WallTime now = system_clock::now();
  EXPECT_TRUE(SweepAt(now).failed.empty());
  server_.FreezeListings(false);
  EXPECT_TRUE(SweepAt(now + backup::kClockMargin + backup::kLease + std::chrono::minutes(1))
                  .failed.empty());
  EXPECT_EQ(ObjectsOf(id), 0U);
  EXPECT_EQ(Listed(), Strings());
}

}  // namespace
}  // namespace dbagent::tests
