#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "agent/backup/cipher.h"
#include "agent/backup/pipeline.h"
#include "agent/operations/operations.h"
#include "dbagent/internal/plan.pb.h"

namespace dbagent::workflows {

// What a backup in progress has finished, in the operation's plan, so that a later life of the
// agent goes on from there. Threads: any.
class BackupProgress {
 public:
  BackupProgress(operations::Running& running, internal::BackupPlan plan)
      : running_(running), plan_(std::move(plan)), earlier_(plan_.manifest()) {}

  // Changes the plan and journals it.
  Status Save(const std::function<void(internal::BackupPlan&)>& change);
  // That an earlier life has finished, or nullptr.
  const internal::Stream* FinishedEarlier(const std::string& stream) const;
  // Journalled at once while that is cheap, else with one of the next: what is lost is made again.
  Status Finished(const internal::Stream& stream);

 private:
  operations::Running& running_;
  std::mutex mutex_;
  internal::BackupPlan plan_;
  const internal::Manifest earlier_;
  SteadyTime saved_{};
};

// A backup that is being made.
struct BackupRun {
  std::string folder;
  backup::Pipeline& pipeline;
  internal::Manifest& manifest;
  BackupProgress& progress;
  std::optional<backup::BackupCipher> cipher;
  // Logical: of an earlier life. Empty: to be asked of the server.
  std::vector<std::string> databases;
};

}  // namespace dbagent::workflows
