#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <string>

#include "dbagent/v1/backup.grpc.pb.h"
#include "dbagent/v1/database.grpc.pb.h"
#include "dbagent/v1/instance.grpc.pb.h"
#include "dbagent/v1/operation.grpc.pb.h"
#include "dbagent/v1/user.grpc.pb.h"
#include "tests/support/server_traits.h"
#include "tests/support/temp_dir.h"

namespace dbagent::tests {

// The real dbagentd with a home of its own, driven over its local socket. Destroying it stops the
// agent and then the database server that it left running.
class AgentProcess {
 public:
  AgentProcess();
  ~AgentProcess();
  AgentProcess(const AgentProcess&) = delete;
  AgentProcess& operator=(const AgentProcess&) = delete;

  // Appended to the settings file, which names this user as admin.
  std::string more_settings;
  bool direct = false;        // mode direct also with --separate; what it makes is then this user's
  std::string more_instance;  // more of section `instance`: `, id: x`
  std::string peers;          // of the local socket; default: this uid, admin
  std::string more_datastore;  // lines of section `datastore`
  std::string more_stores;     // `, {name: …}`
  os::Path volume_root, store_directory, module_directory;

  void Launch(const std::map<std::string, std::string>& environment = {});
  // Launches it and waits until it serves, or until it has ended (a kill point during start-up).
  void Start(const std::map<std::string, std::string>& environment = {});
  bool WaitForEnd(std::chrono::seconds span = std::chrono::seconds(60));  // reaps it
  void Reload();                                                          // SIGHUP
  void Kill();                                                            // SIGKILL
  void Stop();                                                            // SIGTERM, and waits
  bool running();
  pid_t pid() const { return pid_; }
  int wait_status() const { return wait_status_; }

  std::shared_ptr<grpc::Channel> channel();
  const os::Path& home() const { return directory_.path(); }
  os::Path socket() const { return directory_ / "s"; }
  std::uint16_t port() const { return port_; }
  os::Path run_directory() const {
    return separate() ? root_directory_ / "run" / "main" : directory_ / "r";
  }
  std::string log() const;
  os::Volume volume() const { return os::Volume(volume_root); }
  // The database server's process, 0 when there is none. PostgreSQL and MySQL write it into a pid
  // file.
  pid_t server_pid() const;
  // With the rights of the server's OS user, which is this process's own unless --separate.
  Result<std::string> AsServer(const std::string& command) const;  // `bash -c`: its stdout
  bool Signal(pid_t pid, int signal) const;  // false: there is no such process
  // What should be nowhere when no backup is being taken.
  bool HasStaging() const;

  // Calls that a test means to succeed; anything else fails it and ends here.
  v1::Operation Finish(const v1::Operation& operation);  // follows it to its end
  v1::Operation Prepare(const v1::PrepareInstanceRequest& request = {});
  // With these databases, and a user `app` (password `pw`, from this machine) who may do everything
  // in the first one.
  v1::Operation PrepareWithApp(const std::vector<std::string>& databases);
  void WaitForRecovery();
  v1::Instance Instance();
  // Whether it is, or is within half a minute (a server that was killed recovers first).
  bool BecomesHealthy();

 private:
  void WriteSettings();
  bool separate() const { return !root_directory_.empty() && !direct; }
  void StartHelper();

  TempDir directory_;
  pid_t pid_ = -1;
  int wait_status_ = 0;
  std::uint16_t port_ = 0;
  os::Path root_directory_;  // with --separate: of the volume, its helper and its sockets
  std::string table_;        // the helper's
  std::shared_ptr<grpc::Channel> channel_;
};

// `stub.Method(request)` with a deadline; the reason of an error, `OK` without one.
struct Outcome {
  grpc::Status status;
  std::string reason, hint;
  bool ok() const { return status.ok(); }
};
Outcome ToOutcome(const grpc::Status& status);

template <typename Service, typename Request, typename Response>
Outcome Call(AgentProcess& agent,
             grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
             const Request& request, Response& response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  const auto stub = Service::NewStub(agent.channel());
  const Outcome outcome = ToOutcome((stub.get()->*method)(&context, request, &response));
  if (!outcome.ok()) {
    std::printf("%s: %s %s\n", request.GetTypeName().c_str(), outcome.reason.c_str(),
                outcome.status.error_message().c_str());
  }
  return outcome;
}

}  // namespace dbagent::tests
