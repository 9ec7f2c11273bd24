#include "agent/os/systemd_unit.h"

#include <signal.h>
#include <sys/wait.h>

#include <mutex>

#include "agent/base/pause.h"
#include "agent/os/server_record.h"
#include "agent/os/systemd_bus.h"

namespace dbagent::os {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kLookPause = milliseconds(50);
// How long a job may take to get a process into being: conditions, what the unit is ordered after,
// ExecStartPre=. A unit whose process runs is left to the driver.
constexpr auto kStartBudget = std::chrono::minutes(2);
constexpr auto kKillBudget = seconds(15);

bool IsOver(const UnitFacts& facts) {
  return facts.active_state == "inactive" || facts.active_state == "failed";
}

std::string LastExit(const UnitFacts& facts) {
  if (facts.result.empty() || facts.result == "success") return {};
  std::string text = "result " + facts.result;
  if (facts.exit_kind == 0) return text;
  const ExitStatus exit = facts.exit_kind == CLD_EXITED ? ExitStatus{.code = facts.exit_status}
                                                        : ExitStatus{.signal = facts.exit_status};
  return text + ", " + exit.ToString();
}

class SystemdUnit : public ServiceManager {
 public:
  explicit SystemdUnit(SystemdUnitOptions options) : options_(std::move(options)) {}

  Status Start() override;
  Status Stop(const OpContext& ctx) override;
  ServerProcessState State() override;
  Status Find() override { return Ok(); }  // systemd knows it
  Status Resume() override;

 private:
  Result<UnitFacts> Look() {
    const std::lock_guard lock(bus_mutex_);
    return bus_.Look(unit_);
  }
  // Starts it and waits until it has a process or has failed.
  Status Begin();
  Status AwaitProcess();
  Status AwaitEnd(const OpContext& ctx);

  const SystemdUnitOptions options_;
  const std::string& unit_ = options_.unit;
  std::mutex control_;  // one of Start, Stop, Resume at a time; taken before bus_mutex_
  std::mutex bus_mutex_;
  SystemdBus bus_;
};

Status SystemdUnit::Start() {
  const std::lock_guard control(control_);
  RETURN_IF_ERROR(WriteServerRecord(options_.record, {.should_run = true}));
  return Begin();
}

Status SystemdUnit::Begin() {
  RETURN_IF_ERROR(WriteFileAtomic(options_.marker, options_.environment, 0600));
  ASSIGN_OR_RETURN(const UnitFacts before, Look());
  if (before.main_pid != 0 && !IsOver(before) && before.active_state != "deactivating") return Ok();
  {
    const std::lock_guard lock(bus_mutex_);
    // else a unit that failed too often is not started again
    if (before.active_state == "failed") RETURN_IF_ERROR(bus_.ResetFailed(unit_));
    RETURN_IF_ERROR(bus_.Start(unit_));
  }
  return AwaitProcess();
}

Status SystemdUnit::AwaitProcess() {
  const Deadline deadline = Deadline::After(kStartBudget);
  for (;;) {
    ASSIGN_OR_RETURN(const UnitFacts facts, Look());
    if (facts.main_pid != 0 || facts.active_state == "failed") return Ok();
    // restarting by itself: State tells
    if (facts.sub_state == "auto-restart") return Ok();
    if (facts.job == 0 && facts.active_state == "active") return Ok();
    if (facts.job == 0 && facts.active_state == "inactive") {
      if (facts.condition_held) return Ok();  // it has ended already: State tells
      return Error(Code::kFailedPrecondition, "UNIT_REFUSED",
                   "unable to start unit '{}': a condition of it does not hold", unit_)
          .WithHint(fmt::format("`systemctl status {}` names the condition", unit_));
    }
    if (deadline.expired()) {
      return Error(Code::kUnavailable, "UNIT_HANGS",
                   "unable to start unit '{}': it has no process after {} s (it is {}, {})", unit_,
                   std::chrono::duration_cast<seconds>(kStartBudget).count(), facts.active_state,
                   facts.sub_state)
          .WithHint(fmt::format("`systemctl list-jobs` and `systemctl status {}` tell what it "
                                "waits for; `dbagentctl instance stop` gives it up",
                                unit_));
    }
    Pause(OpContext(), kLookPause);
  }
}

Status SystemdUnit::Stop(const OpContext& ctx) {
  const std::lock_guard control(control_);
  // in this order: a marker that stays behind would have the next boot start the server
  RETURN_IF_ERROR(RemoveFile(options_.marker));
  RETURN_IF_ERROR(SyncDirectory(options_.marker.parent_path()));
  RETURN_IF_ERROR(WriteServerRecord(options_.record, {.should_run = false}));
  ASSIGN_OR_RETURN(const UnitFacts before, Look());
  if (IsOver(before) && before.job == 0) return Ok();
  {
    const std::lock_guard lock(bus_mutex_);
    RETURN_IF_ERROR(bus_.Stop(unit_));
  }
  Status ended = AwaitEnd(ctx);
  if (ended.ok() || ctx.Poll().ok()) return ended;
  {
    const std::lock_guard lock(bus_mutex_);
    RETURN_IF_ERROR(bus_.Kill(unit_, SIGKILL));
  }
  if (AwaitEnd(OpContext().WithBudget(kKillBudget)).ok()) return Ok();
  return Error(Code::kInternal, "PROCESS_STAYS",
               "unable to stop unit '{}': its processes do not go", unit_)
      .WithHint(fmt::format("`systemctl status {}` shows them", unit_));
}

Status SystemdUnit::AwaitEnd(const OpContext& ctx) {
  for (;;) {
    ASSIGN_OR_RETURN(const UnitFacts facts, Look());
    if (IsOver(facts) && facts.job == 0) return Ok();
    RETURN_IF_ERROR(ctx.Poll());
    Pause(ctx, kLookPause);
  }
}

ServerProcessState SystemdUnit::State() {
  ServerProcessState state;
  const Result<std::optional<ServerRecord>> record = ReadServerRecord(options_.record);
  state.should_run = record.ok() && *record && (*record)->should_run;
  const Result<UnitFacts> facts = Look();
  if (!facts.ok()) {
    state.process = state.should_run ? ServerProcess::kCrashed : ServerProcess::kStopped;
    state.last_exit = facts.status().FullMessage();
    return state;
  }
  state.pid = static_cast<pid_t>(facts->main_pid);
  state.restarts = facts->restarts;
  state.last_exit = LastExit(*facts);
  if (!IsOver(*facts) || facts->job != 0) {
    state.process = ServerProcess::kRunning;
  } else if (state.should_run) {
    state.process = ServerProcess::kCrashed;
    if (facts->load_state == "masked")
      state.last_exit = fmt::format("unit '{}' is masked", unit_);
    else if (state.last_exit.empty())
      state.last_exit = fmt::format("somebody else stopped unit '{}'", unit_);
  }
  return state;
}

// The machine's boot has started what should run; what did not begin then, or was killed since, is
// begun here.
Status SystemdUnit::Resume() {
  const std::lock_guard control(control_);
  ASSIGN_OR_RETURN(const std::optional<ServerRecord> record, ReadServerRecord(options_.record));
  if (!record || !record->should_run) {
    // of another volume that this machine had
    RETURN_IF_ERROR(RemoveFile(options_.marker));
    return SyncDirectory(options_.marker.parent_path());
  }
  // settings or driver may have changed: for the next start, whoever does that
  RETURN_IF_ERROR(WriteFileAtomic(options_.marker, options_.environment, 0600));
  ASSIGN_OR_RETURN(const UnitFacts facts, Look());
  if (!IsOver(facts) || facts.job != 0) return Ok();
  const Status begun = Begin();
  if (!begun.ok() && options_.on_event)
    options_.on_event({"server.start_failed", begun.FullMessage(), true});
  return Ok();
}

}  // namespace

std::unique_ptr<ServiceManager> MakeSystemdUnit(SystemdUnitOptions options) {
  return std::make_unique<SystemdUnit>(std::move(options));
}

}  // namespace dbagent::os
