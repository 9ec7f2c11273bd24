#pragma once

#include <map>
#include <memory>
#include <string>

#include "agent/backup/key_ring.h"
#include "agent/backup/pipeline.h"
#include "agent/backup/read_flow.h"
#include "agent/backup/repository.h"
#include "agent/storage/object_store.h"
#include "agent/stream/buffer_budget.h"
#include "agent/workflows/configurations.h"
#include "agent/workflows/context.h"
#include "agent/workflows/logical_restore.h"
#include "agent/workflows/renewals.h"
#include "agent/workflows/store_target.h"
#include "dbagent/internal/plan.pb.h"
#include "dbagent/v1/backup.pb.h"

namespace dbagent::workflows {

class BackupReading;
class Scratch;
struct BackupRun;

// BackupService (its comments in proto/dbagent/v1/backup.proto are the contract). Threads: any;
// calls block.
//
// A backup that fails or is cancelled before its manifest is removed again; one under which the
// agent was stopped or killed goes on in its next life, from the streams that were finished (a
// physical one from the beginning). A restore that does not end drops the databases that it made,
// and only those; one of the whole server goes back to the generation that was there. One under
// which the agent was stopped or killed goes on likewise, from the databases that were loaded.
class Backups {
 public:
  Backups(const Context& context, Configurations& configurations, backup::KeyRing keys);
  void RegisterRecovery();
  const backup::KeyRing& keys() const { return keys_; }

  Result<v1::Operation> Create(const Call& call, const v1::CreateBackupRequest& request);
  Result<v1::Operation> Restore(const Call& call, const v1::RestoreBackupRequest& request);
  Result<v1::Operation> Delete(const Call& call, const v1::DeleteBackupRequest& request);
  Result<v1::Operation> Verify(const Call& call, const v1::VerifyBackupRequest& request);
  Result<v1::Operation> Sweep(const Call& call, const v1::SweepBackupsRequest& request);
  // Opens a stream of one; `this` outlives it. STREAM_NOT_FOUND.
  Result<std::unique_ptr<BackupReading>> Read(const OpContext& ctx,
                                              const v1::ReadBackupRequest& request);
  Result<v1::Backup> Get(const Call& call, const v1::GetBackupRequest& request);
  Result<v1::ListBackupsResponse> List(const Call& call, const v1::ListBackupsRequest& request);
  Result<v1::Operation> RenewCredentials(const Call& call,
                                         const v1::RenewCredentialsRequest& request);

  // Parts of a Prepare from a backup, which undoes them.
  struct Place {  // a store as a request names or brings it, and whose backups
    std::string name;
    std::shared_ptr<storage::ObjectStore> store;
    std::string instance;
    // Of one that the request brought; without its credentials, and these.
    std::optional<v1::StoreTarget> target{};
    std::shared_ptr<config::GivenCredentials> credentials{};
  };
  // Another instance's when `instance` is not empty. STORE_NOT_FOUND, VALUE_INVALID.
  Result<Place> Find(const std::string& store, const std::string& instance = "") const;
  // Of a request that can bring a store (store_target.h). Nothing is asked of it yet.
  template <typename Request>
  Result<Place> FindFor(const Request& request, const std::string& instance = "") const {
    if (request.has_target()) return FindTarget(request.store(), request.target(), instance);
    return Find(request.store(), instance);
  }
  // Begins an operation on a store; from its answer on the credentials can be renewed that the
  // request brought. `body` holds the place.
  Result<v1::Operation> Begin(const operations::Spec& spec, const Place& place,
                              operations::Body body);
  // The backup, when it is of this datastore. One that is not encrypted, on an instance whose
  // backups are, only when that is accepted (BACKUP_NOT_ENCRYPTED): whoever can write to the store
  // could have put it there.
  Result<backup::OpenedBackup> OpenSource(const OpContext& ctx, const Place& place,
                                          const std::string& backup, bool accept_unencrypted) const;
  // Physical: into a generation on which no server runs; makes it whole.
  Status UnpackAll(operations::Running& running, const Place& place,
                   const backup::OpenedBackup& source, const os::Generation& generation);
  // Logical: all databases and users, into a running server that has none.
  Status LoadAll(operations::Running& running, const Context& target, const Place& place,
                 const backup::OpenedBackup& source);
  Result<datastore::PhysicalBackup*> PhysicalEngine() const;

 private:
  Result<datastore::LogicalBackup*> Engine() const;
  Result<Place> FindTarget(const std::string& store, const v1::StoreTarget& target,
                           const std::string& instance) const;
  static Status CheckOpens(const OpContext& ctx, const Place& place);
  Result<std::string> InstanceFor(const std::string& asked) const;
  static void KeepPlace(const Place& place, internal::BackupPlan& plan);
  // In recovery. FAILED_PRECONDITION CREDENTIALS_GONE, and the operation is left ORPHANED, when it
  // was a request's store and nobody has brought its credentials since.
  Result<Place> PlaceOf(operations::Running& running, const internal::BackupPlan& plan);
  // An operation whose store refuses the credentials that its request brought, so that something
  // stays there, is left ORPHANED. Answers `outcome`.
  static Status OrphanIfRefused(operations::Running& running, const Place& place, Status outcome);
  // Removes what a backup that did not come to its end has stored.
  Status Undo(operations::Running& running, const Place& place, const std::string& backup);
  Result<datastore::DatabaseAdmin*> Databases() const;

  Result<std::vector<std::string>> WantedDatabases(const OpContext& ctx,
                                                   const v1::CreateBackupRequest& request) const;
  internal::BackupPlan PlanFor(const Place& place, const v1::CreateBackupRequest& request) const;
  // The operation's body, also of a later life of the agent: makes the backup, verifies it as
  // asked; removes what it stored when it fails.
  Status RunBackup(operations::Running& running, const Place& place,
                   const internal::BackupPlan& plan, const v1::CreateBackupRequest& request);
  Status RunCreate(operations::Running& running, const Place& place,
                   const internal::BackupPlan& plan, const v1::CreateBackupRequest& request);
  // A new one, or that of the earlier life.
  Result<std::optional<backup::BackupCipher>> CipherFor(const OpContext& ctx,
                                                        storage::ObjectStore& store,
                                                        const Place& place,
                                                        const internal::BackupPlan& plan) const;
  // How a backup is made, beside what of it; VALUE_INVALID.
  struct PipelineWishes {
    backup::PipelineOptions options;
    std::uint64_t rate = 0;  // bytes a second; 0: any
  };
  Result<PipelineWishes> PipelineFor(const v1::CreateBackupRequest& request) const;
  Status RunDumps(const OpContext& ctx, BackupRun& run, const v1::CreateBackupRequest& request);
  Status RunPhysical(const OpContext& ctx, BackupRun& run);
  // `dump` writes the stream's bytes.
  Status DumpStream(const OpContext& ctx, BackupRun& run, std::uint64_t number,
                    internal::Stream& stream, const std::function<Status(stream::Sink&)>& dump);
  Status DumpDatabase(const OpContext& ctx, BackupRun& run, std::uint64_t number,
                      const std::string& database, internal::Stream& stream);

  Result<LogicalRestoreSpec> WhatToRestore(const internal::Manifest& manifest,
                                           const v1::RestoreBackupRequest& request) const;
  // Perhaps it is the operation that the agent dies of: so many lives of it try, then it is undone.
  static constexpr std::uint32_t kMostLives = 4;
  static internal::Resumption ResumptionOf(const Place& place,
                                           const v1::RestoreBackupRequest& request);
  static bool CanGoOn(const internal::Resumption& resumption);
  Status Load(operations::Running& running, const Place& place, const backup::OpenedBackup& source,
              const LogicalRestoreSpec& spec, const internal::RestorePlan& plan);
  // Of an earlier life's restore.
  Status LoadRest(operations::Running& running, internal::RestorePlan plan);
  // Drops what a failed one made.
  Status RestoreOrUndo(operations::Running& running, const std::function<Status()>& restore) const;
  Status RecoverRestore(operations::Running& running);

  // UNIMPLEMENTED CAPABILITY_MISSING: the driver cannot look at restored data.
  Status CheckCanRestoreForVerify() const;
  Status RunVerify(operations::Running& running, const Place& place, const std::string& backup);
  // The last part of a Create that asked for one, when the backup is made.
  Status VerifyAfterBackup(operations::Running& running, const Place& place, v1::VerifyLevel level);
  // Beside the backup; what is wrong with it is the answer.
  static Status KeepVerification(operations::Running& running, const Place& place,
                                 const std::string& backup, const internal::Verification& found);

  // By restore (backup_verify_restore.cpp).
  Status RunVerifyRestore(operations::Running& running, const Place& place,
                          const std::string& backup, bool accept_unencrypted);
  Status RunInScratch(operations::Running& running, const Place& place,
                      const backup::OpenedBackup& source, internal::Verification& found);
  Status TestRestore(operations::Running& running, const Place& place,
                     const backup::OpenedBackup& source, Scratch& scratch,
                     internal::Verification& found);
  Status FillScratch(operations::Running& running, const Place& place,
                     const backup::OpenedBackup& source, Scratch& scratch,
                     datastore::DataReport& report);
  static Status CompareDatabases(const OpContext& ctx, const Scratch& scratch,
                                 const internal::Manifest& manifest, datastore::DataReport& report);
  Status RecoverVerifyRestore(operations::Running& running);

  Status RunSweep(operations::Running& running, const Place& place);
  // What a backup that has ended well also does; its failure is only noted.
  void SweepAfterBackup(operations::Running& running, const Place& place);
  // Recovery of a backup that was interrupted (backup_resume.cpp): finishes it, lets it go on, or
  // removes it.
  Status RecoverCreate(operations::Running& running);
  Status WaitForServer(const OpContext& ctx) const;
  // With what was found when it was verified last.
  v1::Backup Show(const OpContext& ctx, const Place& place, const internal::Manifest& manifest);

  // Of the whole server (physical_restore.cpp).
  // All archives; answers what Complete needs.
  Result<datastore::UnpackSpec> UnpackArchives(operations::Running& running,
                                               datastore::PhysicalBackup& engine,
                                               const Place& place,
                                               const backup::OpenedBackup& source,
                                               const os::Generation& generation,
                                               internal::GenerationPlan* plan);
  Result<v1::Operation> RestoreServer(const Call& call, const Place& place,
                                      const backup::OpenedBackup& source,
                                      const v1::RestoreBackupRequest& request);
  // Stored bytes a second, of a request that restores or verifies.
  template <typename Request>
  std::uint64_t ReadRate(const Request& request) const {
    return request.bytes_per_second() > 0 ? request.bytes_per_second()
                                          : context_.live_settings.Get()->backup.read_rate;
  }
  // Which stage the others waited for, as a note.
  static void AddReport(const backup::ReadFlow& flow, operations::Running& running);
  // `plan` is saved as it goes; null: nobody will go on with it.
  Status UnpackAndComplete(operations::Running& running, const Place& place,
                           const backup::OpenedBackup& source, const os::Generation& generation,
                           internal::GenerationPlan* plan);
  Result<os::Generation> GenerationFor(operations::Running& running,
                                       const internal::Manifest& manifest,
                                       internal::GenerationPlan& plan);
  Status RunRestoreServer(operations::Running& running, const Place& place,
                          const backup::OpenedBackup& source, internal::GenerationPlan plan);
  Status RestoreServerAgain(operations::Running& running, internal::GenerationPlan plan);
  Status RestoreServerOrUndo(operations::Running& running, const std::function<Status()>& restore);
  Status SwitchTo(operations::Running& running, internal::GenerationPlan& plan);
  Status StartServer(const OpContext& ctx);
  Status StartOn(const OpContext& ctx, std::uint64_t generation);
  Status GoBack(const OpContext& ctx, std::uint64_t generation);
  Status RemoveOtherGenerations(std::uint64_t but = 0);
  Status RecoverRestoreServer(operations::Running& running);

  const Context& context_;
  Configurations& configurations_;
  const backup::KeyRing keys_;
  stream::BufferBudget budget_;
  // Of streams that callers read: one who stops reading must not keep memory from backups. Enough
  // for the largest chunk.
  stream::BufferBudget reading_budget_{24ULL << 20U};
  std::map<std::string, std::shared_ptr<storage::ObjectStore>> stores_;
  Renewals renewals_;
  std::shared_ptr<void> scrape_;
};

// How many databases at a time, as asked for. VALUE_INVALID.
inline constexpr unsigned kDefaultAtATime = 2;
Result<unsigned> AtATime(std::uint32_t asked);

v1::Backup ToProto(const internal::Manifest& manifest, const std::string& store);

}  // namespace dbagent::workflows
