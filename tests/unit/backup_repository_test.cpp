// A backup on a store, without a server: its marker, its removal, the sweep, its verification.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <random>
#include <thread>

#include "agent/backup/chunk_writer.h"
#include "agent/backup/json.h"
#include "agent/backup/layout.h"
#include "agent/backup/lease.h"
#include "agent/backup/stream_source.h"
#include "agent/backup/sweep.h"
#include "agent/backup/time.h"
#include "agent/backup/verify.h"
#include "agent/storage/file_store.h"
#include "tests/support/backup_files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::backup {
namespace {

using namespace std::chrono_literals;
using storage::Listed;
using tests::ReasonOf;

constexpr const char* kInstance = "11111111-2222-4333-8444-555555555555";

// A file store that fails where a test wants it to: at the nth call, or for as long as told.
class FaultyStore : public storage::ObjectStore {
 public:
  explicit FaultyStore(const std::filesystem::path& root) : inner_(storage::MakeFileStore(root)) {}

  // Set while no other thread uses the store, a lease's included; called from any.
  std::function<Status(const char* call, const std::string& name)> fault;

  Status Put(const OpContext& ctx, const std::string& name,
             const storage::Content& content) override {
    RETURN_IF_ERROR(Fault("put", name));
    return inner_->Put(ctx, name, content);
  }
  Status Replace(const OpContext& ctx, const std::string& name, Bytes content) override {
    RETURN_IF_ERROR(Fault("replace", name));
    return inner_->Replace(ctx, name, content);
  }
  Result<std::vector<std::byte>> Get(const OpContext& ctx, const std::string& name,
                                     std::size_t limit) override {
    RETURN_IF_ERROR(Fault("get", name));
    return inner_->Get(ctx, name, limit);
  }
  Result<bool> Exists(const OpContext& ctx, const std::string& name) override {
    RETURN_IF_ERROR(Fault("exists", name));
    return inner_->Exists(ctx, name);
  }
  Result<std::vector<Listed>> List(const OpContext& ctx, const std::string& prefix,
                                   const storage::ListPage& page) override {
    RETURN_IF_ERROR(Fault("list", prefix));
    return inner_->List(ctx, prefix, page);
  }
  Status Remove(const OpContext& ctx, const std::string& name) override {
    RETURN_IF_ERROR(Fault("remove", name));
    return inner_->Remove(ctx, name);
  }

 private:
  Status Fault(const char* call, const std::string& name) {
    return fault ? fault(call, name) : Ok();
  }
  const std::unique_ptr<storage::ObjectStore> inner_;
};

Status Away() {
  return Error(Code::kUnavailable, "STORE_UNAVAILABLE", "the store is away").AsRetryable();
}

class BackupRepository : public testing::Test {
 protected:
  OpContext ctx() const { return OpContext().WithBudget(60s); }

  // Bytes that zstd cannot make smaller: chunks of the same length.
  std::string Noise(std::size_t bytes) {
    std::string text(bytes, '\0');
    for (char& c : text) c = static_cast<char>(random_());
    return text;
  }

  internal::Manifest NewManifest(const std::string& id = NewId()) {
    internal::Manifest manifest;
    manifest.set_format(kFormat);
    manifest.set_id(id);
    manifest.set_instance_id(kInstance);
    return manifest;
  }
  void WriteStream(internal::Manifest& manifest, const std::string& content) {
    const auto number = static_cast<std::uint64_t>(manifest.streams_size());
    RateLimit rate;
    Pipeline pipeline(store_, budget_, rate, {});
    ChunkWriter writer(ctx(), pipeline, {repository_.Folder(manifest.id()), number, cipher_});
    ASSERT_OK(writer.Write(ctx(), AsBytes(content)));
    internal::Stream& stream = *manifest.add_streams();
    stream.set_name(fmt::format("stream {}", number));
    ASSERT_OK(writer.Finish(ctx(), stream));
  }
  // Two streams, the first of three chunks, two of them of the same length.
  std::string MakeBackup() {
    internal::Manifest manifest = NewManifest();
    WriteStream(manifest, Noise(2 * kFirstChunkBytes + 5000));
    WriteStream(manifest, Noise(7000));
    EXPECT_OK(repository_.WriteManifest(ctx(), manifest, cipher_));
    return manifest.id();
  }
  // One that never got its manifest.
  std::string MakeRemains(std::optional<WallTime> lease_until) {
    internal::Manifest manifest = NewManifest();
    WriteStream(manifest, "a beginning");
    if (lease_until) {
      internal::InProgress marker;
      marker.set_backup_id(manifest.id());
      SetTime(*lease_until, *marker.mutable_lease_until());
      const auto json = ToJson(marker);
      EXPECT_OK(json);
      EXPECT_OK(store_.Put(ctx(), Object(manifest.id(), kInProgressName), AsBytes(*json)));
    }
    return manifest.id();
  }

  std::string Object(const std::string& backup, const std::string& name) const {
    return repository_.Folder(backup) + name;
  }
  std::filesystem::path File(const std::string& backup, const std::string& name) const {
    return tests::FileOfObject(directory_ / repository_.Folder(backup), name);
  }
  bool IsThere(const std::string& backup, const std::string& name = "") const {
    return std::filesystem::exists(File(backup, name));
  }
  SweepReport SweepAt(WallTime now) {
    Result<SweepReport> report = Sweep(ctx(), store_, kInstance, now);
    EXPECT_OK(report);
    return report.ok() ? *std::move(report) : SweepReport();
  }
  internal::Verification VerifyIt(const std::string& backup) {
    ReadFlow flow(store_, budget_, nullptr);
    Result<internal::Verification> found = Verify(ctx(), flow, ring_, kInstance, backup);
    EXPECT_OK(found);
    return found.ok() ? *std::move(found) : internal::Verification();
  }
  // The names of bad objects, without the backup's folder.
  std::vector<std::string> Bad(const std::string& backup) {
    std::vector<std::string> names;
    const internal::Verification found = VerifyIt(backup);
    for (const internal::BadObject& bad : found.bad()) {
      EXPECT_FALSE(bad.why().empty());
      names.push_back(tests::PlainName(bad.object().substr(repository_.Folder(backup).size())));
    }
    return names;
  }
  // What a restore does before it uses anything: all of it, or its first error.
  Status ReadEverything(const std::string& backup) {
    ASSIGN_OR_RETURN(const OpenedBackup opened, repository_.Open(ctx(), backup, ring_));
    std::vector<std::byte> buffer(100000);
    for (const internal::Stream& stream : opened.manifest.streams()) {
      ReadFlow flow(store_, budget_, nullptr);
      StreamSource source(ctx(), flow, {kInstance, opened, stream});
      for (;;) {
        ASSIGN_OR_RETURN(const std::size_t got, source.Read(ctx(), buffer));
        if (got == 0) break;
      }
    }
    return Ok();
  }
  static std::vector<std::string> Ids(const std::vector<SweptFolder>& folders) {
    std::vector<std::string> ids;
    for (const SweptFolder& folder : folders) ids.push_back(folder.backup);
    return ids;
  }
  using Strings = std::vector<std::string>;

  const tests::TempDir directory_;
  FaultyStore store_{directory_.path()};
  Repository repository_{store_, kInstance};
  stream::BufferBudget budget_{64U << 20U};
  KeyRing ring_;
  std::optional<BackupCipher> cipher_;
  std::mt19937 random_{42};
  const WallTime now_ = std::chrono::system_clock::now();
};

// ---- the lease

class BackupLease : public BackupRepository {
 protected:
  const std::string backup_ = NewId();
  Lease::Options Options(std::chrono::milliseconds span, std::chrono::milliseconds every) {
    return {kInstance, backup_, "operation", span, every};
  }
  internal::InProgress Marker() {
    internal::InProgress marker;
    const auto content = store_.Get(ctx(), Object(backup_, kInProgressName), 10000);
    EXPECT_OK(content);
    if (content.ok()) {
      EXPECT_OK(FromJson(AsText(*content), "marker", marker));
    }
    return marker;
  }
};

TEST_F(BackupLease, SaysWhoMakesTheBackupAndGoesWhenItIsThere) {
  ASSERT_OK_AND_ASSIGN(const auto lease, Lease::Take(ctx(), store_, Options(kLease, 1h)));
  const internal::InProgress marker = Marker();
  EXPECT_EQ(marker.backup_id(), backup_);
  EXPECT_EQ(marker.instance_id(), kInstance);
  EXPECT_EQ(marker.agent(), AgentLife());
  EXPECT_EQ(marker.operation_id(), "operation");
  EXPECT_GT(ReadTime(marker.lease_until()), now_ + 9min);
  EXPECT_OK(lease->Check());
  EXPECT_OK(repository_.Publish(ctx(), *lease, NewManifest(backup_), {}));
  ASSERT_OK(lease->End(ctx()));
  EXPECT_FALSE(IsThere(backup_, kInProgressName));
  EXPECT_TRUE(IsThere(backup_, kManifestName));
}

TEST_F(BackupLease, IsRenewedAsLongAsItLives) {
  ASSERT_OK_AND_ASSIGN(const auto lease, Lease::Take(ctx(), store_, Options(2s, 20ms)));
  const WallTime first = ReadTime(Marker().lease_until());
  std::this_thread::sleep_for(3s);
  EXPECT_OK(lease->Check());
  EXPECT_GT(ReadTime(Marker().lease_until()), first + 500ms);
}

TEST_F(BackupLease, SurvivesAStoreThatIsAwayForAWhile) {
  std::atomic<bool> away = false;
  std::atomic<int> failed = 0;
  store_.fault = [&](const char* call, const std::string&) {
    return away && std::string_view(call) == "replace" && ++failed < 4 ? Away() : Ok();
  };
  ASSERT_OK_AND_ASSIGN(const auto lease, Lease::Take(ctx(), store_, Options(5s, 20ms)));
  away = true;
  for (int i = 0; i < 200 && failed < 6; ++i) std::this_thread::sleep_for(20ms);
  EXPECT_GE(failed, 6);
  EXPECT_OK(lease->Check());
}

TEST_F(BackupLease, ThatCannotBeRenewedEndsTheBackupWithTheCause) {
  std::atomic<bool> away = false;
  store_.fault = [&](const char* call, const std::string&) {
    return away && std::string_view(call) == "replace" ? Away() : Ok();
  };
  ASSERT_OK_AND_ASSIGN(const auto lease, Lease::Take(ctx(), store_, Options(1s, 20ms)));
  away = true;
  std::this_thread::sleep_for(1200ms);
  LeasedStore leased(store_, *lease);
  const Status put = leased.Put(ctx(), Object(backup_, "chunks/0"), AsBytes("x"));
  EXPECT_EQ(ReasonOf(put), "BACKUP_LEASE_LOST");
  EXPECT_NE(put.FullMessage().find("the store is away"), std::string::npos) << put.FullMessage();
  EXPECT_NE(put.hint(), "");
  EXPECT_FALSE(IsThere(backup_, "chunks/0"));
  EXPECT_EQ(ReasonOf(repository_.Publish(ctx(), *lease, NewManifest(backup_), {})),
            "BACKUP_LEASE_LOST");
  EXPECT_FALSE(IsThere(backup_, kManifestName));
}

TEST_F(BackupLease, IsRefusedWhereOneIsThere) {
  ASSERT_OK_AND_ASSIGN(const auto lease, Lease::Take(ctx(), store_, Options(kLease, 1h)));
  EXPECT_EQ(ReasonOf(Lease::Take(ctx(), store_, Options(kLease, 1h))), "OBJECT_EXISTS");
}

// An earlier life's, that ended `ago` after its lease was renewed.
TEST_F(BackupLease, OfAnEarlierLifeIsTakenOverWithinItsTimeAndAnHour) {
  const auto write = [&](const std::string& operation, std::chrono::minutes ago, bool by_sweep) {
    internal::InProgress marker;
    marker.set_backup_id(backup_);
    marker.set_operation_id(operation);
    marker.set_found_by_sweep(by_sweep);
    SetTime(now_ - ago + kLease, *marker.mutable_lease_until());
    const Result<std::string> json = ToJson(marker);
    ASSERT_OK(json);
    ASSERT_OK(store_.Replace(ctx(), Object(backup_, kInProgressName), AsBytes(*json)));
  };
  const auto take = [&] { return ReasonOf(Lease::TakeOver(ctx(), store_, Options(kLease, 1h))); };
  EXPECT_EQ(take(), "OK");  // nothing was written yet
  EXPECT_GT(ReadTime(Marker().lease_until()), now_ + 9min);
  write("operation", 60min, false);
  EXPECT_EQ(take(), "OK");
  EXPECT_GT(ReadTime(Marker().lease_until()), now_ + 9min);
  write("operation", 75min, false);
  EXPECT_EQ(take(), "BACKUP_LEASE_LOST");
  write("another", 1min, false);
  EXPECT_EQ(take(), "BACKUP_LEASE_LOST");
  write("", 1min, true);
  EXPECT_EQ(take(), "OK");
  write("operation", 1min, false);
  ASSERT_OK(store_.Put(ctx(), Object(backup_, kDeletingName), AsBytes("{}")));
  EXPECT_EQ(take(), "BACKUP_LEASE_LOST");
}

TEST_F(BackupLease, ABackupThatIsBeingSweptWritesNoManifest) {
  ASSERT_OK_AND_ASSIGN(const auto lease, Lease::Take(ctx(), store_, Options(kLease, 1h)));
  ASSERT_OK(store_.Put(ctx(), Object(backup_, kDeletingName), AsBytes("{}\n")));
  EXPECT_EQ(ReasonOf(repository_.Publish(ctx(), *lease, NewManifest(backup_), {})),
            "BACKUP_LEASE_LOST");
  EXPECT_FALSE(IsThere(backup_, kManifestName));
}

// The sweep's mark comes after the last look before the manifest.
TEST_F(BackupLease, ASweepThatBeginsWhileTheManifestIsWrittenIsSeenAfterIt) {
  ASSERT_OK_AND_ASSIGN(const auto lease, Lease::Take(ctx(), store_, Options(kLease, 1h)));
  bool marked = false;
  store_.fault = [&](const char* call, const std::string& name) -> Status {
    if (!marked && std::string_view(call) == "put" && name.ends_with(kManifestName)) {
      marked = true;
      return store_.Put(ctx(), Object(backup_, kDeletingName), AsBytes("{}\n"));
    }
    return Ok();
  };
  EXPECT_EQ(ReasonOf(repository_.Publish(ctx(), *lease, NewManifest(backup_), {})),
            "BACKUP_LEASE_LOST");
  ASSERT_OK_AND_ASSIGN(const bool whole, repository_.IsWhole(ctx(), backup_));
  EXPECT_FALSE(whole);
}

// ---- removal

TEST_F(BackupRepository, ARemovalThatIsCutAnywhereIsNoBackupAndCanBeRepeated) {
  int calls = 0;
  for (int cut_at = 0;; ++cut_at) {
    SCOPED_TRACE(cut_at);
    const std::string backup = MakeBackup();
    calls = 0;
    bool manifest_gone = false;
    store_.fault = [&](const char*, const std::string&) {
      return calls++ < cut_at ? Ok() : Away();
    };
    const Result<Removed> cut = repository_.Remove(ctx(), backup);
    store_.fault = nullptr;
    manifest_gone = !IsThere(backup, kManifestName);
    if (!manifest_gone) {
      EXPECT_OK(ReadEverything(backup));  // whole, or not at all
    } else if (IsThere(backup)) {
      EXPECT_TRUE(IsThere(backup, kDeletingName)) << "nothing tells what this is";
    }
    // whoever comes: the repeated call, or a sweep that knows nothing of it
    if (cut_at % 2 == 0 || !manifest_gone) {
      EXPECT_OK(repository_.Remove(ctx(), backup));
    } else if (!cut.ok()) {
      EXPECT_EQ(Ids(SweepAt(now_).removed), Strings{backup});
    }
    EXPECT_FALSE(IsThere(backup));
    if (cut.ok()) break;
    ASSERT_LT(cut_at, 100);
  }
  EXPECT_GT(calls, 8);
}

TEST_F(BackupRepository, RemovalTellsHowMuchItWas) {
  const std::string backup = MakeBackup();
  ASSERT_OK_AND_ASSIGN(const Removed removed, repository_.Remove(ctx(), backup));
  EXPECT_EQ(removed.objects, 6U);  // four chunks, two indexes; the manifest went first
  EXPECT_GT(removed.bytes, 2 * kFirstChunkBytes);
  ASSERT_OK_AND_ASSIGN(const Removed again, repository_.Remove(ctx(), backup));
  EXPECT_EQ(again.objects, 0U);
}

TEST_F(BackupRepository, AStoreWithoutRoomLetsABackupGo) {
  const std::string backup = MakeBackup();
  store_.fault = [](const char* call, const std::string&) -> Status {
    if (std::string_view(call) != "put") return Ok();
    return Error(Code::kResourceExhausted, "NO_SPACE", "no room");
  };
  EXPECT_OK(repository_.Remove(ctx(), backup));
  EXPECT_FALSE(IsThere(backup));
}

TEST_F(BackupRepository, AnUnreadableBackupIsListedAndHidesNoOther) {
  const std::string readable = MakeBackup();
  const std::string unreadable = MakeBackup();
  MakeRemains({});
  ASSERT_EQ(chmod(File(unreadable, "").c_str(), 0), 0);
  ASSERT_OK_AND_ASSIGN(const Strings ids, repository_.List(ctx()));
  EXPECT_EQ(ids, (Strings{unreadable, readable}));
  EXPECT_EQ(ReasonOf(repository_.ReadManifest(ctx(), unreadable)), "PERMISSION_DENIED");
  ASSERT_EQ(chmod(File(unreadable, "").c_str(), 0700), 0);
}

// ---- the sweep

class BackupSweep : public BackupRepository {};

TEST_F(BackupSweep, RemovesOnlyWhatAnExpiredMarkerSaysWasAbandoned) {
  const std::string whole = MakeBackup();
  const std::string lives = MakeRemains(now_ + 5min);
  const std::string late = MakeRemains(now_ - kClockMargin + 1min);
  const std::string abandoned = MakeRemains(now_ - kClockMargin - 1min);
  std::filesystem::create_directories(directory_ / kInstance / "not a backup");
  std::ofstream(directory_ / kInstance / "a file") << "of somebody";
  const SweepReport report = SweepAt(now_);
  EXPECT_EQ(Ids(report.removed), Strings{abandoned});
  EXPECT_EQ(report.removed[0].removed.objects, 2U);
  EXPECT_GT(report.bytes(), 0U);
  EXPECT_EQ(report.waiting, (Strings{lives, late}));
  EXPECT_TRUE(report.failed.empty());
  EXPECT_FALSE(IsThere(abandoned));
  EXPECT_TRUE(IsThere(lives, "index/0000/0000"));
  EXPECT_OK(ReadEverything(whole));
  EXPECT_TRUE(std::filesystem::exists(directory_ / kInstance / "a file"));
}

TEST_F(BackupSweep, GivesWhatNothingTellsAboutALeaseFirst) {
  const std::string found = MakeRemains({});
  const std::string garbled = MakeRemains({});
  ASSERT_OK(store_.Put(ctx(), Object(garbled, kInProgressName), AsBytes("{not json")));
  EXPECT_EQ(SweepAt(now_).waiting, (Strings{found, garbled}));
  EXPECT_TRUE(SweepAt(now_ + kClockMargin).removed.empty());
  EXPECT_TRUE(IsThere(found, "index/0000/0000"));
  EXPECT_EQ(Ids(SweepAt(now_ + kClockMargin + kLease + 1min).removed), (Strings{found, garbled}));
  EXPECT_FALSE(IsThere(found));
}

// A store that lags did not show the marker: its owner writes over the sweep's.
TEST_F(BackupSweep, ALivingOwnerTakesBackWhatASweepHasFound) {
  const std::string backup = NewId();
  ASSERT_OK_AND_ASSIGN(const auto lease,
                       Lease::Take(ctx(), store_, {kInstance, backup, "operation", 10min, 20ms}));
  ASSERT_OK(store_.Replace(ctx(), Object(backup, kInProgressName), AsBytes("")));
  EXPECT_EQ(SweepAt(now_).waiting, Strings{backup});
  std::this_thread::sleep_for(200ms);
  const auto content = store_.Get(ctx(), Object(backup, kInProgressName), 10000);
  ASSERT_OK(content);
  EXPECT_NE(AsText(*content).find("operation"), std::string::npos) << AsText(*content);
  EXPECT_OK(repository_.Publish(ctx(), *lease, NewManifest(backup), {}));
}

// Between the sweep's look at the marker and its mark the owner renewed, or finished.
TEST_F(BackupSweep, LooksAgainAfterItsMarkAndLeavesWhatCameBackToLife) {
  for (const bool finishes : {false, true}) {
    SCOPED_TRACE(finishes);
    const std::string backup = MakeRemains(now_ - 2 * kClockMargin);
    store_.fault = [&, done = false](const char* call, const std::string& name) mutable -> Status {
      if (done || std::string_view(call) != "put" || !name.ends_with(kDeletingName)) return Ok();
      done = true;
      if (finishes) return repository_.WriteManifest(ctx(), NewManifest(backup), {});
      internal::InProgress marker;
      SetTime(now_ + 5min, *marker.mutable_lease_until());
      ASSIGN_OR_RETURN(const std::string json, ToJson(marker));
      return store_.Replace(ctx(), Object(backup, kInProgressName), AsBytes(json));
    };
    const SweepReport report = SweepAt(now_);
    store_.fault = nullptr;
    EXPECT_TRUE(report.removed.empty());
    EXPECT_EQ(report.waiting, Strings{backup});
    EXPECT_TRUE(IsThere(backup, "index/0000/0000"));
    EXPECT_FALSE(IsThere(backup, kDeletingName));
    ASSERT_OK(repository_.Remove(ctx(), backup));
  }
}

TEST_F(BackupSweep, CanBeCutAnywhere) {
  for (int cut_at = 0;; ++cut_at) {
    SCOPED_TRACE(cut_at);
    const std::string whole = MakeBackup();
    const std::string abandoned = MakeRemains(now_ - 2 * kClockMargin);
    int calls = 0;
    store_.fault = [&](const char*, const std::string&) {
      return calls++ < cut_at ? Ok() : Away();
    };
    const Result<SweepReport> cut = Sweep(ctx(), store_, kInstance, now_);
    store_.fault = nullptr;
    const bool done = cut.ok() && cut->failed.empty();
    SweepAt(now_);
    EXPECT_FALSE(IsThere(abandoned));
    EXPECT_OK(ReadEverything(whole));
    ASSERT_OK(repository_.Remove(ctx(), whole));
    if (done) break;
    ASSERT_LT(cut_at, 100);
  }
}

TEST_F(BackupSweep, GoesOnWithTheOthersWhenOneCannotBeRemoved) {
  const std::string stuck = MakeRemains(now_ - 2 * kClockMargin);
  const std::string other = MakeRemains(now_ - 2 * kClockMargin);
  store_.fault = [&](const char* call, const std::string& name) -> Status {
    if (std::string_view(call) != "remove" || name.find(stuck) == std::string::npos) return Ok();
    return Error(Code::kPermissionDenied, "PERMISSION_DENIED", "not allowed");
  };
  const SweepReport report = SweepAt(now_);
  EXPECT_EQ(Ids(report.removed), Strings{other});
  ASSERT_EQ(report.failed.size(), 1U);
  EXPECT_EQ(report.failed[0].first, stuck);
  EXPECT_EQ(report.failed[0].second, "not allowed");
}

// ---- what is broken

class BackupVerify : public BackupRepository {
 protected:
  void SetUp() override {
    backup_ = MakeBackup();
    other_ = MakeBackup();
  }
  std::filesystem::path Of(const std::string& name) { return File(backup_, name); }
  void Alter(const std::string& name, std::uintmax_t at) {
    std::fstream file(Of(name), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char old = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(old ^ 1));
  }
  void Truncate(const std::string& name, std::uintmax_t size) {
    std::filesystem::resize_file(Of(name), size);
  }
  void Swap(const std::filesystem::path& one, const std::filesystem::path& two) {
    std::filesystem::rename(one, directory_ / "between");
    std::filesystem::rename(two, one);
    std::filesystem::rename(directory_ / "between", two);
  }
  std::string backup_, other_;
};

TEST_F(BackupVerify, FindsNothingInAWholeOne) {
  const internal::Verification found = VerifyIt(backup_);
  EXPECT_EQ(found.bad_count(), 0U) << found.DebugString();
  EXPECT_EQ(found.objects(), 7U);
  EXPECT_GT(found.stored_bytes(), 2 * kFirstChunkBytes);
  EXPECT_OK(ToStatus(found, backup_));
}

// Whatever is wrong with whichever object: a restore refuses it by that object's name, and a
// verification names it.
TEST_F(BackupVerify, EveryKindOfDamageIsRefusedByTheObjectsName) {
  const std::string a = "chunks/0000/00000000.zst", b = "chunks/0000/00000001.zst";
  ASSERT_EQ(std::filesystem::file_size(Of(a)), std::filesystem::file_size(Of(b)));
  struct Case {
    std::string what;
    std::function<void()> damage;
    Strings bad;
    Strings kept;  // files to put back
  };
  std::vector<Case> cases;
  for (const std::string& name :
       {a, std::string("chunks/0001/00000000.zst"), std::string("index/0000/0000"),
        std::string("index/0001/0000"), std::string("manifest")}) {
    const std::uintmax_t size = std::filesystem::file_size(Of(name));
    for (const std::uintmax_t at : {std::uintmax_t{0}, size / 2, size - 1}) {
      cases.push_back({fmt::format("{} altered at {}", name, at),
                       [=, this] { Alter(name, at); },
                       {name},
                       {name}});
    }
    for (const std::uintmax_t left : {std::uintmax_t{0}, size / 2, size - 1}) {
      cases.push_back({fmt::format("{} cut to {}", name, left),
                       [=, this] { Truncate(name, left); },
                       {name},
                       {name}});
    }
    cases.push_back({name + " with a byte more",
                     [=, this] { std::ofstream(Of(name), std::ios::app) << '\n'; },
                     {name},
                     {name}});
    if (name != "manifest") {
      cases.push_back(
          {name + " missing", [=, this] { std::filesystem::remove(Of(name)); }, {name}, {name}});
    }
    cases.push_back({name + " of another backup",
                     [=, this] {
                       std::filesystem::copy_file(
                           File(other_, name), Of(name),
                           std::filesystem::copy_options::overwrite_existing);
                     },
                     {name},
                     {name}});
  }
  cases.push_back(
      {"two chunks of one length swapped", [=, this] { Swap(Of(a), Of(b)); }, {a, b}, {a, b}});
  cases.push_back({"the indexes of two streams swapped",
                   [this] { Swap(Of("index/0000/0000"), Of("index/0001/0000")); },
                   {"index/0000/0000", "index/0001/0000"},
                   {"index/0000/0000", "index/0001/0000"}});
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    std::filesystem::create_directory(directory_ / "kept");
    for (std::size_t i = 0; i < c.kept.size(); ++i)
      std::filesystem::copy_file(Of(c.kept[i]), directory_ / "kept" / std::to_string(i));
    c.damage();
    const Status refused = ReadEverything(backup_);
    EXPECT_EQ(ReasonOf(refused), "BACKUP_CORRUPT");
    EXPECT_EQ(refused.code(), Code::kDataLoss);
    EXPECT_NE(tests::PlainName(refused.message()).find(c.bad.front()), std::string::npos)
        << refused.message();
    EXPECT_EQ(Bad(backup_), c.bad);
    for (std::size_t i = 0; i < c.kept.size(); ++i) {
      std::filesystem::copy_file(directory_ / "kept" / std::to_string(i), Of(c.kept[i]),
                                 std::filesystem::copy_options::overwrite_existing);
    }
    std::filesystem::remove_all(directory_ / "kept");
  }
  EXPECT_OK(ReadEverything(backup_));
  std::filesystem::remove(Of("manifest"));
  EXPECT_EQ(ReasonOf(ReadEverything(backup_)), "BACKUP_NOT_FOUND");
}

TEST_F(BackupVerify, TellsAllBadObjectsAtOnce) {
  Alter("chunks/0000/00000002.zst", 10);
  Truncate("chunks/0000/00000000.zst", 100);
  std::filesystem::remove(Of("index/0001/0000"));
  const internal::Verification found = VerifyIt(backup_);
  EXPECT_EQ(found.bad_count(), 3U);
  EXPECT_EQ(Bad(backup_),
            (Strings{"chunks/0000/00000000.zst", "chunks/0000/00000002.zst", "index/0001/0000"}));
  const Status told = ToStatus(found, backup_);
  EXPECT_EQ(ReasonOf(told), "BACKUP_CORRUPT");
  EXPECT_EQ(told.metadata().at("bad_objects"), "3");
  for (const internal::BadObject& bad : found.bad())
    EXPECT_NE(told.message().find(bad.object()), std::string::npos) << told.message();
}

TEST_F(BackupVerify, TheListOfBadObjectsIsBoundedTheirCountIsNot) {
  internal::Verification found;
  found.set_bad_count(5000);
  for (int i = 0; i < 1000; ++i) {
    found.add_bad()->set_object(fmt::format("object-{:04}", i));
    found.mutable_bad(i)->set_why("is missing");
  }
  const std::string text = ToStatus(found, backup_).message();
  EXPECT_NE(text.find("5000 bad objects"), std::string::npos) << text;
  EXPECT_NE(text.find("object-0009"), std::string::npos) << text;
  EXPECT_EQ(text.find("object-0010"), std::string::npos) << text;
}

TEST_F(BackupVerify, AStoreThatIsAwayIsNoDamage) {
  std::atomic<int> gets = 0;
  store_.fault = [&](const char* call, const std::string&) {
    return std::string_view(call) == "get" && ++gets > 3 ? Away() : Ok();
  };
  ReadFlow flow(store_, budget_, nullptr);
  EXPECT_EQ(ReasonOf(Verify(ctx(), flow, ring_, kInstance, backup_)), "STORE_UNAVAILABLE");
}

TEST_F(BackupVerify, AnObjectThatTheStoreCannotGiveIsBad) {
  store_.fault = [&](const char* call, const std::string& name) -> Status {
    if (std::string_view(call) != "get" || !name.ends_with("00000001.zst")) return Ok();
    return Error(Code::kInternal, "IO_ERROR", "a bad sector");
  };
  EXPECT_EQ(Bad(backup_), Strings{"chunks/0000/00000001.zst"});
}

TEST_F(BackupVerify, CanBeCancelledAndFitsIntoASmallBudget) {
  const auto stop = std::make_shared<StopSwitch>();
  const OpContext stopping(stop, Deadline::Never(), "", nullptr);
  store_.fault = [&](const char*, const std::string& name) {
    if (name.ends_with(".zst")) stop->RequestStop(StopReason::kCancelled);
    return Ok();
  };
  ReadFlow flow(store_, budget_, nullptr);
  EXPECT_EQ(ReasonOf(Verify(stopping, flow, ring_, kInstance, backup_)), "CANCELLED");
  store_.fault = nullptr;
  stream::BufferBudget small(5U << 20U);  // of one chunk
  ReadFlow narrow(store_, small, nullptr);
  EXPECT_OK(Verify(ctx(), narrow, ring_, kInstance, backup_));
}

TEST_F(BackupVerify, ItsResultsLieBesideTheBackupTheNewestIsShown) {
  ASSERT_OK_AND_ASSIGN(const auto none, repository_.LastVerification(ctx(), backup_));
  EXPECT_FALSE(none);
  for (std::uint64_t i = 1; i <= 13; ++i) {
    internal::Verification found;
    found.set_objects(i);
    ASSERT_OK(repository_.WriteVerification(ctx(), backup_, found));
    std::this_thread::sleep_for(2ms);  // their names sort by the millisecond
  }
  ASSERT_OK_AND_ASSIGN(const auto last, repository_.LastVerification(ctx(), backup_));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->objects(), 13U);
  const std::filesystem::directory_iterator kept(Of("verify"));
  EXPECT_EQ(std::distance(begin(kept), end(kept)), 10);
  EXPECT_OK(ReadEverything(backup_));
}

}  // namespace
}  // namespace dbagent::backup
