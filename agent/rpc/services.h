#pragma once

#include <memory>
#include <vector>

#include "agent/rpc/gate.h"
#include "agent/workflows/context.h"

namespace dbagent::workflows {
class Backups;
class Configurations;
class Databases;
class Instances;
class Keys;
class Users;
}  // namespace dbagent::workflows

namespace dbagent::rpc {

struct Workflows {
  const workflows::Context& context;
  workflows::Instances& instances;
  workflows::Databases& databases;
  workflows::Users& users;
  workflows::Backups& backups;
  workflows::Configurations& configurations;
  workflows::Keys& keys;
};

// The services of proto/dbagent/v1: they translate and pass on, nothing more.
std::unique_ptr<grpc::Service> MakeInstanceService(Gate& gate, const Workflows& workflows);
std::unique_ptr<grpc::Service> MakeDatabaseService(Gate& gate, const Workflows& workflows);
std::unique_ptr<grpc::Service> MakeUserService(Gate& gate, const Workflows& workflows);
std::unique_ptr<grpc::Service> MakeBackupService(Gate& gate, const Workflows& workflows);
std::unique_ptr<grpc::Service> MakeConfigurationService(Gate& gate, const Workflows& workflows);
std::unique_ptr<grpc::Service> MakeKeyService(Gate& gate, const Workflows& workflows);
std::unique_ptr<grpc::Service> MakeOperationService(Gate& gate, const Workflows& workflows);

}  // namespace dbagent::rpc
