#include "datastores/mysql/driver.h"

#include <mysqld_error.h>

#include "agent/base/redact.h"
#include "agent/os/child_process.h"
#include "agent/stream/fd_stream.h"
#include "datastores/mysql/parts.h"
#include "datastores/mysql/server_error.h"

namespace dbagent::datastore::mysql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kDetectBudget = seconds(20);
constexpr std::size_t kMostVersionText = 4096;

// What `<program> --version` says.
Result<std::string> VersionText(const os::Path& program) {
  const OpContext ctx = OpContext().WithBudget(kDetectBudget);
  ASSIGN_OR_RETURN(stream::Pipe out, stream::MakePipe());
  os::ChildSpec spec;
  spec.name = program.filename();
  spec.program = program;
  spec.arguments = {"--version"};
  spec.stdout_fd = out.write_end.get();
  ASSIGN_OR_RETURN(const auto child, os::ChildProcess::Spawn(spec));
  out.write_end.Reset();
  stream::FdSource source(std::move(out.read_end), spec.name);
  std::string text(kMostVersionText, '\0');
  ASSIGN_OR_RETURN(const std::size_t got,
                   source.Read(ctx, std::as_writable_bytes(std::span(text.data(), text.size()))));
  text.resize(got);
  RETURN_IF_ERROR(os::WaitForSuccess(ctx, *child, spec.name));
  return text;
}

class MysqlDatastore : public Datastore {
 public:
  MysqlDatastore(const ServerSettings& settings, const DatastoreInfo& info, os::InstanceHost& host)
      : info_(info),
        server_(settings, info, host),
        control_(MakeServerControl(server_)),
        databases_(MakeDatabaseAdmin(server_)),
        users_(MakeUserAdmin(server_)),
        grants_(MakeGrantAdmin(server_)),
        root_(MakeRootAdmin(server_)),
        logical_backup_(MakeLogicalBackup(server_, *databases_)),
        physical_backup_(MakePhysicalBackup(server_, info)),
        consistency_check_(MakeConsistencyCheck(server_, *control_)),
        settings_(MakeSettingsAdmin(server_)),
        layers_(MakeConfigurationLayers(server_)) {}

  const DatastoreInfo& info() const override { return info_; }
  Status CheckDataVersion(const std::string& version) const override {
    return mysql::CheckDataVersion(info_, version);
  }
  Health CheckHealth() override;
  ServerControl* server() override { return control_.get(); }
  DatabaseAdmin* databases() override { return databases_.get(); }
  UserAdmin* users() override { return users_.get(); }
  GrantAdmin* grants() override { return grants_.get(); }
  RootAdmin* root() override { return root_.get(); }
  LogicalBackup* logical_backup() override { return logical_backup_.get(); }
  PhysicalBackup* physical_backup() override { return physical_backup_.get(); }
  ConsistencyCheck* consistency_check() override { return consistency_check_.get(); }
  SettingsAdmin* settings() override { return settings_.get(); }
  ConfigurationLayers* layers() override { return layers_.get(); }

 private:
  const DatastoreInfo info_;
  Server server_;
  const std::unique_ptr<ServerControl> control_;
  const std::unique_ptr<DatabaseAdmin> databases_;
  const std::unique_ptr<UserAdmin> users_;
  const std::unique_ptr<GrantAdmin> grants_;
  const std::unique_ptr<RootAdmin> root_;
  const std::unique_ptr<LogicalBackup> logical_backup_;
  const std::unique_ptr<PhysicalBackup> physical_backup_;
  const std::unique_ptr<ConsistencyCheck> consistency_check_;
  const std::unique_ptr<SettingsAdmin> settings_;
  const std::unique_ptr<ConfigurationLayers> layers_;
};

Health MysqlDatastore::CheckHealth() {
  const Result<std::optional<std::uint64_t>> prepared = server_.settings.volume.CurrentNumber();
  if (!prepared.ok()) return {HealthState::kNotPrepared, prepared.status().FullMessage(), {}};
  if (!*prepared) return {HealthState::kNotPrepared, "there is no data directory", {}};
  const os::ServerProcessState state = server_.host.ServerState();
  if (state.process == os::ServerProcess::kStopped) return {HealthState::kStopped, {}, {}};
  if (state.process == os::ServerProcess::kCrashed)
    return {HealthState::kCrashed, state.last_exit, {}};
  if (state.pid == 0)
    return {HealthState::kStarting, "it is about to be restarted after: " + state.last_exit, {}};

  // one second of silence is an answer, so that the whole stays below two; a connection of its own,
  // since an idle one of the pool would have to be asked first
  const OpContext ctx = OpContext().WithBudget(milliseconds(1800));
  const Result<std::unique_ptr<Connection>> connection =
      Connection::Open(ctx, server_.pool.address(), nullptr, seconds(1));
  if (ServerErrno(connection.status()) == ER_CON_COUNT_ERROR) {
    // the one session that it keeps free for administrators is then in our own pool
    const Status asked = Execute(server_, ctx, "ask the server", "DO 1");
    return {asked.ok() ? HealthState::kHealthy : HealthState::kUnresponsive,
            connection.status().FullMessage(), asked.ok() ? info_.version : ""};
  }
  if (!connection.ok()) {
    const bool listens = os::Exists(server_.layout.socket).ok() &&
                         ctx.deadline().Remaining(seconds(2)) < milliseconds(1000);
    return {listens ? HealthState::kUnresponsive : HealthState::kStarting,
            connection.status().FullMessage(),
            {}};
  }
  const Status answer = (*connection)->Execute(ctx, "ask the server", "DO 1");
  if (!answer.ok()) return {HealthState::kUnresponsive, answer.FullMessage(), {}};
  return {HealthState::kHealthy, {}, (*connection)->server_version()};
}

class MysqlDriver : public Driver {
 public:
  Result<DatastoreInfo> Detect(const ServerSettings& settings) override {
    const os::Path directory = Layout(settings).prefix / "sbin";
    ASSIGN_OR_RETURN(const bool mariadb, os::Exists(directory / "mariadbd"));
    const os::Path program = directory / (mariadb ? "mariadbd" : "mysqld");
    ASSIGN_OR_RETURN(const std::string text, VersionText(program));
    const std::optional<Version> version = ParseVersion(text);
    if (!version) {
      return Error(Code::kFailedPrecondition, "VERSION_UNSUPPORTED",
                   "unable to use '{}': it is neither MariaDB nor MySQL: {}", program.native(),
                   Redact(text));
    }
    RETURN_IF_ERROR(CheckAccepted(*version, settings.allow_unknown_major));
    return InfoOf(*version);
  }
  os::ToolTable Tools(const ServerSettings& settings, const DatastoreInfo& info) override {
    return ToolsOf(settings, Dialect(info));
  }
  std::unique_ptr<Datastore> Open(const ServerSettings& settings, const DatastoreInfo& info,
                                  os::InstanceHost& host) override {
    return std::make_unique<MysqlDatastore>(settings, info, host);
  }
};

}  // namespace

std::unique_ptr<Driver> MakeDriver() {
  return std::make_unique<MysqlDriver>();
}

}  // namespace dbagent::datastore::mysql
