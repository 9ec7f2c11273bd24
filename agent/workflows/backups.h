#pragma once

#include <map>
#include <memory>
#include <string>

#include "agent/backup/repository.h"
#include "agent/storage/object_store.h"
#include "agent/stream/buffer_budget.h"
#include "agent/workflows/configurations.h"
#include "agent/workflows/context.h"
#include "agent/workflows/logical_restore.h"
#include "dbagent/internal/plan.pb.h"
#include "dbagent/v1/backup.pb.h"

namespace dbagent::workflows {

// BackupService (its comments in proto/dbagent/v1/backup.proto are the contract). Threads: any;
// calls block.
//
// A backup that fails, is cancelled or killed before its manifest is removed again. A restore that
// does not end drops the databases that it made, and only those; one of the whole server goes back
// to the generation that was there.
class Backups {
 public:
  Backups(const Context& context, Configurations& configurations);
  void RegisterRecovery();

  Result<v1::Operation> Create(const Call& call, const v1::CreateBackupRequest& request);
  Result<v1::Operation> Restore(const Call& call, const v1::RestoreBackupRequest& request);
  Result<v1::Operation> Delete(const Call& call, const v1::DeleteBackupRequest& request);
  Result<v1::Operation> Verify(const Call& call, const v1::VerifyBackupRequest& request);
  Result<v1::Operation> Sweep(const Call& call, const v1::SweepBackupsRequest& request);
  Result<v1::Backup> Get(const Call& call, const v1::GetBackupRequest& request);
  Result<v1::ListBackupsResponse> List(const Call& call, const v1::ListBackupsRequest& request);

  // Parts of a Prepare from a backup, which undoes them.
  struct Place {  // a store as a request names it, and whose backups
    std::string name;
    storage::ObjectStore* store = nullptr;
    std::string instance;
  };
  // Another instance's when `instance` is not empty. STORE_NOT_FOUND, VALUE_INVALID.
  Result<Place> Find(const std::string& store, const std::string& instance = "") const;
  // Its manifest, when it is of this datastore.
  Result<internal::Manifest> ReadSource(const OpContext& ctx, const Place& place,
                                        const std::string& backup) const;
  // Physical: into a generation on which no server runs; makes it whole.
  Status UnpackAll(const OpContext& ctx, const Place& place, const internal::Manifest& manifest,
                   const os::Generation& generation);
  // Logical: all databases and users, into a running server that has none.
  Status LoadAll(operations::Running& running, const Place& place,
                 const internal::Manifest& manifest);
  Result<datastore::PhysicalBackup*> PhysicalEngine() const;

 private:
  Result<datastore::LogicalBackup*> Engine() const;
  Result<datastore::DatabaseAdmin*> Databases() const;

  Result<std::vector<std::string>> WantedDatabases(const OpContext& ctx,
                                                   const v1::CreateBackupRequest& request) const;
  Status RunCreate(operations::Running& running, const Place& place,
                   const v1::CreateBackupRequest& request);
  Status RunDumps(const OpContext& ctx, const Place& place, const v1::CreateBackupRequest& request,
                  internal::Manifest& manifest);
  Status RunPhysical(const OpContext& ctx, const Place& place,
                     const v1::CreateBackupRequest& request, internal::Manifest& manifest);
  // `dump` writes the stream's bytes.
  Status DumpStream(const OpContext& ctx, const Place& place, const std::string& backup,
                    std::uint64_t number, int level, internal::Stream& stream,
                    const std::function<Status(stream::Sink&)>& dump);
  Status DumpDatabase(const OpContext& ctx, const Place& place, const std::string& backup,
                      std::uint64_t number, const std::string& database, int level,
                      internal::Stream& stream);

  Result<LogicalRestoreSpec> WhatToRestore(const internal::Manifest& manifest,
                                           const v1::RestoreBackupRequest& request) const;
  Status RecoverRestore(operations::Running& running);

  Status RunVerify(operations::Running& running, const Place& place, const std::string& backup);
  Status RunSweep(operations::Running& running, const Place& place);
  // What a backup that has ended well also does; its failure is only noted.
  void SweepAfterBackup(operations::Running& running, const Place& place);
  Status RecoverCreate(operations::Running& running);
  // With what was found when it was verified last.
  v1::Backup Show(const OpContext& ctx, const Place& place, const internal::Manifest& manifest);

  // Of the whole server (physical_restore.cpp).
  Result<v1::Operation> RestoreServer(const Call& call, const Place& place,
                                      const internal::Manifest& manifest,
                                      const v1::RestoreBackupRequest& request);
  Status RunRestoreServer(operations::Running& running, const Place& place,
                          const internal::Manifest& manifest);
  Status SwitchTo(operations::Running& running, internal::GenerationPlan& plan);
  Status StartServer(const OpContext& ctx);
  Status StartOn(const OpContext& ctx, std::uint64_t generation);
  Status GoBack(const OpContext& ctx, std::uint64_t generation);
  Status RemoveOtherGenerations();
  Status RecoverRestoreServer(operations::Running& running);

  const Context& context_;
  Configurations& configurations_;
  stream::BufferBudget budget_;
  std::map<std::string, std::unique_ptr<storage::ObjectStore>> stores_;
};

// How many databases at a time, as asked for. VALUE_INVALID.
inline constexpr unsigned kDefaultAtATime = 2;
Result<unsigned> AtATime(std::uint32_t asked);

v1::Backup ToProto(const internal::Manifest& manifest, const std::string& store);

}  // namespace dbagent::workflows
