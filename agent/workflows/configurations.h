#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/workflows/configuration_drift.h"
#include "agent/workflows/configuration_store.h"
#include "agent/workflows/context.h"
#include "dbagent/v1/configuration.pb.h"

namespace dbagent::workflows {

// ConfigurationService (its comments in proto/dbagent/v1/configuration.proto are the contract).
// Threads: any; calls block.
//
// Three revisions matter: the selected one (the files), the proven one (the newest that the server
// was started with and answered), and while an operation runs the one that was there before. A
// change goes back to the one before when it fails; a start that fails goes back to the proven one.
class Configurations {
 public:
  explicit Configurations(const Context& context) : context_(context), store_(context.volume) {}
  ~Configurations();
  Configurations(const Configurations&) = delete;
  Configurations& operator=(const Configurations&) = delete;

  void RegisterRecovery();
  // From now on a server that crashes on a revision that was never proven is brought back on the
  // proven one, whoever restarted it.
  void StartGuard();

  Result<v1::DescribeParametersResponse> Describe(const Call& call,
                                                  const v1::DescribeParametersRequest& request);
  Result<v1::Configuration> Get(const Call& call);
  Result<v1::ApplyConfigurationResponse> Apply(const Call& call,
                                               const v1::ApplyConfigurationRequest& request);
  Result<v1::ApplyConfigurationResponse> Rollback(const Call& call,
                                                  const v1::RollbackConfigurationRequest& request);
  Result<v1::ApplyConfigurationResponse> Resize(const Call& call,
                                                const v1::ResizeConfigurationRequest& request);
  Result<v1::ListRevisionsResponse> List(const v1::ListRevisionsRequest& request);
  Result<v1::Revision> GetRevision(const v1::GetRevisionRequest& request);

  // ---- parts of other workflows, whose operations hold the instance

  struct Beginning {
    datastore::Flavor flavor;
    std::vector<std::string> allowed_networks;
    std::string instance_id, caller, operation_id;
  };
  // Writes and selects revision 1 of a new instance.
  Status Begin(const OpContext& ctx, const Beginning& beginning);
  // Where things lie and who may log in stands in the files: writes them anew when they are of an
  // agent with other settings, in another mode or of another user. For a server that does not run.
  // Nothing known of them is fine. Idempotent. `note` is told where edited text is kept.
  Status RenderAgain(const std::function<void(std::string)>& note);
  // Takes all of it away again: the files and what is known of them.
  Status Forget();
  // Starts the server on the selected revision; when it does not come up, on the proven one. OK
  // when it runs; `note` is told whatever else happened. The start's own error when neither does.
  Status StartServer(const OpContext& ctx, const std::function<void(std::string)>& note);

  // Memory and cores as asked for, the machine's where 0. MEMORY_TOO_SMALL, MEMORY_TOO_LARGE.
  static Result<datastore::Flavor> FlavorOf(std::uint64_t memory_bytes, std::uint32_t cores);

 private:
  // What a call asks for, whichever it is.
  struct Wanted {
    std::string action;
    std::optional<std::map<std::string, std::string>> group;  // none: as it is
    std::optional<std::uint64_t> revision;                    // its group
    std::optional<datastore::Flavor> flavor;                  // none: as it is
    v1::ApplyOptions options;
  };
  // What that comes to.
  struct Proposal {
    internal::ConfigurationState state;
    internal::StoredRevision current, next;  // next: without number and files
    datastore::Description description;
    std::vector<datastore::Violation> violations;
    std::vector<v1::ParameterChange> changes;
    std::vector<v1::Drift> drift;  // what would be overwritten
    // Names: set on the running server; persisted by others; new values that wait for a restart.
    std::vector<std::string> live, persisted, pending;
    bool restart = false;  // asked for, and something waits for one
    bool nothing_to_do() const;
  };

  Result<datastore::SettingsAdmin*> Admin() const;
  Result<datastore::ConfigurationLayers*> Layers() const;
  Result<datastore::ServerControl*> Server() const;

  // configuration_propose.cpp
  Result<datastore::Description> DescribeServer(const OpContext& ctx, bool* remembered = nullptr);
  Result<OwnValues> OwnOf(const internal::ConfigurationState& state,
                          const internal::StoredRevision& selected) const;
  std::vector<v1::ParameterChange> PendingOf(const internal::ConfigurationState& state,
                                             const OwnValues& own,
                                             const datastore::Description& description) const;
  Result<Proposal> Propose(const OpContext& ctx, const Wanted& wanted);
  Status FindOverwritten(const Wanted& wanted, const OwnValues& own, const EffectiveValues& after,
                         Proposal& proposal) const;
  std::string ServerLife() const;
  bool ServerRuns() const { return !ServerLife().empty(); }

  // configuration_apply.cpp
  Result<v1::ApplyConfigurationResponse> Change(const Call& call, const Wanted& wanted,
                                                const std::string& request_id,
                                                const std::string& request);
  Status RunChange(operations::Running& running, const std::string& caller, const Wanted& wanted);
  Status Carry(operations::Running& running, internal::ConfigurationPlan plan);
  Status BringIntoForce(operations::Running& running, const internal::ConfigurationPlan& plan,
                        internal::StoredRevision& next);
  Status AwaitHealthy(const OpContext& ctx);
  Status SetLive(const OpContext& ctx, const internal::ConfigurationPlan& plan,
                 const internal::StoredRevision& to, bool clear_persisted);
  Status GoBack(operations::Running& running, internal::ConfigurationPlan plan,
                const Status& failure);
  Status BringBack(operations::Running& running, const internal::ConfigurationPlan& plan,
                   const internal::StoredRevision& old);
  Status OutcomeOf(const internal::ConfigurationPlan& plan, const Status& failure) const;
  Status Discard(const internal::ConfigurationPlan& plan, const Status& failure);
  Status Finish(const internal::ConfigurationPlan& plan, internal::StoredRevision next);
  Status Recover(operations::Running& running);
  Status MarkTakenBack(std::uint64_t number, const Status& failure);
  Status RemoveOldSets();

  // configuration_start.cpp
  Status Select(std::uint64_t number);
  Status RepairFiles(const internal::StoredRevision& selected, bool& edited,
                     const std::function<void(std::string)>& note);
  Status KeepEdits(const internal::StoredRevision& selected, std::string_view why,
                   const std::function<void(std::string)>& note);
  Status StartOnProven(const OpContext& ctx, const internal::ConfigurationState& state, bool edited,
                       const Status& failure, const std::function<void(std::string)>& note);
  Status MarkProven();
  void Guard();
  Status LookAfterServer();
  Status Settle(operations::Running& running);

  // Read, change, write, in one go.
  Status UpdateState(const std::function<void(internal::ConfigurationState&)>& change);

  const Context& context_;
  const ConfigurationStore store_;
  std::mutex state_mutex_;
  std::string described_in_;  // the life of the server whose description is stored

  std::mutex guard_mutex_;
  std::condition_variable guard_wake_;
  bool guard_ending_ = false, guard_look_ = false;
  std::shared_ptr<void> guard_subscription_;
  std::thread guard_thread_;
};

}  // namespace dbagent::workflows
