#pragma once

#include "datastores/postgresql/consistency_check.h"
#include "datastores/postgresql/database_admin.h"
#include "datastores/postgresql/grant_admin.h"
#include "datastores/postgresql/layers.h"
#include "datastores/postgresql/logical_backup.h"
#include "datastores/postgresql/physical_backup.h"
#include "datastores/postgresql/root_admin.h"
#include "datastores/postgresql/server_control.h"
#include "datastores/postgresql/settings.h"
#include "datastores/postgresql/user_admin.h"
#include "datastores/postgresql/versions.h"

namespace dbagent::datastore::postgresql {

class PostgresDatastore : public Datastore {
 public:
  PostgresDatastore(const ServerSettings& settings, const DatastoreInfo& info,
                    os::InstanceHost& host)
      : server_(settings, info, host) {}

  const DatastoreInfo& info() const override { return server_.info; }
  Status CheckDataVersion(const std::string& version) const override {
    return postgresql::CheckDataVersion(server_.info, version);
  }
  Health CheckHealth() override;
  ServerControl* server() override { return &control_; }
  DatabaseAdmin* databases() override { return &databases_; }
  UserAdmin* users() override { return &users_; }
  GrantAdmin* grants() override { return &grants_; }
  RootAdmin* root() override { return &root_; }
  LogicalBackup* logical_backup() override { return &logical_backup_; }
  PhysicalBackup* physical_backup() override { return &physical_backup_; }
  ConsistencyCheck* consistency_check() override { return &consistency_check_; }
  SettingsAdmin* settings() override { return &settings_; }
  ConfigurationLayers* layers() override { return &layers_; }

 private:
  Server server_;
  PostgresServerControl control_{server_};
  PostgresDatabaseAdmin databases_{server_};
  PostgresUserAdmin users_{server_};
  PostgresGrantAdmin grants_{server_};
  PostgresRootAdmin root_{server_};
  PostgresLogicalBackup logical_backup_{server_, databases_};
  PostgresPhysicalBackup physical_backup_{server_};
  PostgresConsistencyCheck consistency_check_{server_, control_};
  PostgresSettings settings_{server_};
  PostgresLayers layers_{server_};
};

}  // namespace dbagent::datastore::postgresql
