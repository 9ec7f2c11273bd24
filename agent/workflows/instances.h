#pragma once

#include "agent/workflows/backups.h"
#include "agent/workflows/configurations.h"
#include "agent/workflows/context.h"
#include "agent/workflows/databases.h"
#include "agent/workflows/users.h"
#include "dbagent/v1/instance.pb.h"

namespace dbagent::workflows {

// The mutating half of InstanceService: Prepare (prepare.cpp), Start, Stop, Restart. Threads: any.
//
// Prepare that fails, is cancelled or killed is undone whole: server stopped, link, generation and
// configuration removed. It is done when the instance's record is written, its last step. Start,
// Stop and Restart are finished by recovery.
class Instances {
 public:
  Instances(const Context& context, Databases& databases, Users& users, Backups& backups,
            Configurations& configurations)
      : context_(context),
        databases_(databases),
        users_(users),
        backups_(backups),
        configurations_(configurations) {}
  void RegisterRecovery();

  Result<v1::Operation> Prepare(const Call& call, const v1::PrepareInstanceRequest& request);
  Result<v1::Operation> Start(const Call& call, const v1::StartInstanceRequest& request);
  Result<v1::Operation> Stop(const Call& call, const v1::StopInstanceRequest& request);
  Result<v1::Operation> Restart(const Call& call, const v1::RestartInstanceRequest& request);
  v1::Capabilities Capabilities() const;

 private:
  Result<datastore::ServerControl*> Server() const;
  Status CheckPrepare(const v1::PrepareInstanceRequest& request) const;
  // What the server is made of: an empty data directory, or a backup.
  struct Origin {
    std::optional<Backups::Place> place;
    backup::OpenedBackup backup;
    bool physical() const { return place && backup.manifest.method() == "physical"; }
    bool logical() const { return place && backup.manifest.method() != "physical"; }
  };
  Status RunPrepare(operations::Running& running, const std::string& caller,
                    const v1::PrepareInstanceRequest& request, const Origin& origin);
  Status UndoPrepare(const OpContext& ctx);
  Result<Origin> FindOrigin(const OpContext& ctx, const v1::PrepareInstanceRequest& request) const;
  Status FillGeneration(operations::Running& running, const Origin& origin,
                        const os::Generation& generation);
  Status Settle(operations::Running& running, const Origin& origin);
  Status CreateContents(const OpContext& ctx, const v1::PrepareInstanceRequest& request);
  Status StartServer(operations::Running& running);
  void RegisterServerRecovery();
  Status StopServer(const OpContext& ctx, std::uint32_t timeout_seconds);

  const Context& context_;
  Databases& databases_;
  Users& users_;
  Backups& backups_;
  Configurations& configurations_;
};

}  // namespace dbagent::workflows
