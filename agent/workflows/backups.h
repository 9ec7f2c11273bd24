#pragma once

#include <map>
#include <memory>
#include <string>

#include "agent/backup/repository.h"
#include "agent/storage/object_store.h"
#include "agent/stream/buffer_budget.h"
#include "agent/workflows/context.h"
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
  explicit Backups(const Context& context);
  void RegisterRecovery();

  Result<v1::Operation> Create(const Call& call, const v1::CreateBackupRequest& request);
  Result<v1::Operation> Restore(const Call& call, const v1::RestoreBackupRequest& request);
  Result<v1::Operation> Delete(const Call& call, const v1::DeleteBackupRequest& request);
  Result<v1::Operation> Verify(const Call& call, const v1::VerifyBackupRequest& request);
  Result<v1::Operation> Sweep(const Call& call, const v1::SweepBackupsRequest& request);
  Result<v1::Backup> Get(const Call& call, const v1::GetBackupRequest& request);
  Result<v1::ListBackupsResponse> List(const Call& call, const v1::ListBackupsRequest& request);

 private:
  struct Place {  // a store as a request names it
    std::string name;
    storage::ObjectStore* store = nullptr;
    std::string instance;
  };
  Result<Place> Find(const std::string& store) const;
  Result<datastore::LogicalBackup*> Engine() const;
  Result<datastore::PhysicalBackup*> PhysicalEngine() const;
  Result<datastore::DatabaseAdmin*> Databases() const;

  Result<std::vector<std::string>> WantedDatabases(const OpContext& ctx,
                                                   const v1::CreateBackupRequest& request) const;
  Status RunCreate(operations::Running& running, const Place& place,
                   const v1::CreateBackupRequest& request);
  Status RunDumps(const OpContext& ctx, const Place& place, const v1::CreateBackupRequest& request,
                  internal::Manifest& manifest);
  Status RunPhysical(const OpContext& ctx, const Place& place,
                     const v1::CreateBackupRequest& request, internal::Manifest& manifest);
  Status DumpStream(const OpContext& ctx, const Place& place, const std::string& backup,
                    std::uint64_t number, const std::string& database, int level,
                    internal::Stream& stream);

  Status RunVerify(operations::Running& running, const Place& place, const std::string& backup);
  Status RunSweep(operations::Running& running, const Place& place);
  // What a backup that has ended well also does; its failure is only noted.
  void SweepAfterBackup(operations::Running& running, const Place& place);
  Status RecoverCreate(operations::Running& running);
  // With what was found when it was verified last.
  v1::Backup Show(const OpContext& ctx, const Place& place, const internal::Manifest& manifest);

  // What a restore makes: a stream of the backup under a name.
  struct Target {
    internal::Stream stream;
    std::string name;
    bool run_as_superuser = false;
  };
  Result<std::vector<Target>> Targets(const internal::Manifest& manifest,
                                      const v1::RestoreBackupRequest& request) const;
  Status RunRestore(operations::Running& running, const Place& place, const std::string& backup,
                    const std::vector<Target>& targets);
  Status LoadStream(const OpContext& ctx, const Place& place, const std::string& backup,
                    const Target& target, const std::vector<internal::Chunk>& chunks);
  Status DropMade(const OpContext& ctx,
                  const google::protobuf::RepeatedPtrField<std::string>& databases);

  // Of the whole server (physical_restore.cpp).
  Result<v1::Operation> RestoreServer(const Call& call, const Place& place,
                                      const internal::Manifest& manifest,
                                      const v1::RestoreBackupRequest& request);
  Status RunRestoreServer(operations::Running& running, const Place& place,
                          const internal::Manifest& manifest);
  Status UnpackAll(const OpContext& ctx, const Place& place, const internal::Manifest& manifest,
                   const os::Generation& generation);
  Status SwitchTo(operations::Running& running, internal::GenerationPlan& plan);
  Status StartOn(const OpContext& ctx, std::uint64_t generation);
  Status GoBack(const OpContext& ctx, std::uint64_t generation);
  Status RemoveOtherGenerations();
  Status RecoverRestoreServer(operations::Running& running);

  const Context& context_;
  stream::BufferBudget budget_;
  std::map<std::string, std::unique_ptr<storage::ObjectStore>> stores_;
};

v1::Backup ToProto(const internal::Manifest& manifest, const std::string& store);

}  // namespace dbagent::workflows
