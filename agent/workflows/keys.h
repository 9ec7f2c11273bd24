#pragma once

#include <string>
#include <vector>

#include "agent/workflows/backups.h"
#include "agent/workflows/context.h"
#include "dbagent/v1/key.pb.h"

namespace dbagent::workflows {

// KeyService (its comments in proto/dbagent/v1/key.proto are the contract). Threads: any; calls
// block.
class Keys {
 public:
  Keys(const Context& context, Backups& backups) : context_(context), backups_(backups) {}
  void RegisterRecovery();

  v1::ListKeysResponse List() const;
  Result<v1::Operation> Rotate(const Call& call, const v1::RotateKeysRequest& request);

 private:
  Status RunRotate(operations::Running& running, const Backups::Place& place,
                   std::vector<std::string> ids) const;
  // Whether there was anything to change.
  Result<bool> RotateOne(const OpContext& ctx, const Backups::Place& place,
                         const std::string& backup) const;

  const Context& context_;
  Backups& backups_;
};

}  // namespace dbagent::workflows
