#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/backup/stream_source.h"
#include "agent/workflows/context.h"
#include "dbagent/internal/plan.pb.h"

namespace dbagent::workflows {

struct LogicalRestoreSpec {
  struct Target {  // a database's stream, and the name to restore it as
    internal::Stream stream;
    std::string name;
  };
  std::vector<Target> targets;
  std::optional<internal::Stream> users;   // also makes users that do not exist, with their rights
  std::optional<datastore::UserId> owner;  // instead of missing owners
  bool run_as_superuser = false;
  unsigned at_a_time = 1;   // verified and loaded
  bool one_by_one = false;  // loaded
};

// Loads databases, several at a time, and users out of a logical backup: first every byte of
// everything is proven, then the first thing is made.
class LogicalRestore {
 public:
  // `save` is called with what is about to be made, before it is: any thread, one at a time. `plan`
  // is where it begins: databases that it calls finished are left as they are.
  using Save = std::function<Status(const internal::RestorePlan&)>;
  // `context` and `flow` outlive it.
  LogicalRestore(const Context& context, backup::ReadFlow& flow, std::string instance,
                 backup::OpenedBackup source, LogicalRestoreSpec spec, Save save,
                 internal::RestorePlan plan = {});

  // BACKUP_CORRUPT, DATABASE_EXISTS and the driver's. On failure the caller calls Undo with what
  // was saved last. `note` is told what was left out.
  Status Run(const OpContext& ctx, const std::function<void(const std::string&)>& note);
  static Status Undo(const OpContext& ctx, const Context& context,
                     const internal::RestorePlan& plan);

 private:
  Status Verify(const OpContext& ctx);
  Status VerifyStream(const OpContext& ctx, const internal::Stream& stream);
  backup::StreamSource::What What(const internal::Stream& stream) const {
    return {instance_, source_, stream};
  }
  Status CheckAbsent(const OpContext& ctx);
  Status LoadUsers(const OpContext& ctx, datastore::LoadUsersSpec spec);
  Status LoadDatabase(const OpContext& ctx, std::size_t index);
  Status LoadDatabases(const OpContext& ctx);
  bool IsFinished(const LogicalRestoreSpec::Target& target) const;
  // Changes the plan and saves it.
  Status Plan(const std::function<void(internal::RestorePlan&)>& change);

  const Context& context_;
  backup::ReadFlow& flow_;
  const std::string instance_;
  const backup::OpenedBackup source_;
  const LogicalRestoreSpec spec_;
  const Save save_;

  const std::set<std::string> finished_;
  std::vector<datastore::UserId> made_users_;

  std::mutex mutex_;
  internal::RestorePlan plan_;
};

}  // namespace dbagent::workflows
