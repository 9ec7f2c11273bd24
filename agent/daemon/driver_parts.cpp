#include "agent/daemon/driver_parts.h"

#include <pwd.h>
#include <unistd.h>

#include "agent/daemon/module_loader.h"
#include "agent/os/direct_host.h"
#include "agent/os/helper_host.h"
#include "agent/telemetry/log.h"

namespace dbagent::daemon {
namespace {

// dbagent-extract is installed beside this program.
os::Path OwnPrograms() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

void LogServerEvent(const os::ServerEvent& event) {
  telemetry::Log(event.is_error ? telemetry::Level::kError : telemetry::Level::kInfo, event.name,
                 event.text);
}

}  // namespace

Result<std::string> OwnUserName() {
  const passwd* entry = getpwuid(geteuid());
  if (entry != nullptr) return std::string(entry->pw_name);
  return Error(Code::kFailedPrecondition, "NO_OS_USER",
               "uid {} has no name, and the agent's SQL account is named after its OS user",
               geteuid())
      .WithHint("run the agent as a user of the machine");
}

Result<DriverParts> OpenDriver(const config::Settings& settings, const std::string& user) {
  DriverParts parts;
  ASSIGN_OR_RETURN(parts.driver,
                   LoadDriver(settings.datastore.module_directory, settings.datastore.driver));
  parts.server = {.volume = os::Volume(settings.volume),
                  .runtime_directory = settings.runtime_directory,
                  .programs = settings.datastore.programs,
                  .own_programs = OwnPrograms(),
                  .os_user = user,
                  .server_user = settings.separate ? settings.separate->server_user : user,
                  .log_file = settings.separate ? settings.separate->server_log : os::Path(),
                  .port = settings.datastore.port,
                  .bind_addresses = settings.datastore.bind_addresses,
                  .allow_unknown_major = settings.datastore.allow_unknown_major};
  ASSIGN_OR_RETURN(parts.info, parts.driver->Detect(parts.server));
  return parts;
}

os::HelperTable DriverParts::TableFor(const config::Settings& settings) const {
  const datastore::ServerSettings scratch = datastore::ScratchOf(server);
  return {
      .agent_user = settings.separate->user,
      .server_user = settings.separate->server_user,
      .unit = settings.separate->unit,
      .scratch_nice = static_cast<int>(settings.limits.scratch_nice),
      .main = {server.volume.root(), server.runtime_directory, driver->Tools(server, info)},
      .scratch = {scratch.volume.root(), scratch.runtime_directory, driver->Tools(scratch, info)}};
}

std::unique_ptr<os::InstanceHost> DriverParts::MakeHost(const config::Settings& settings,
                                                        bool scratch) const {
  if (settings.separate)
    return os::MakeHelperHost({settings.separate->helper, TableFor(settings), scratch});
  if (!scratch) {
    return os::MakeDirectHost({.volume = server.volume,
                               .table = driver->Tools(server, info),
                               .runtime_directory = server.runtime_directory,
                               .on_event = LogServerEvent});
  }
  // what becomes of the scratch server is the verification's to tell
  const datastore::ServerSettings beside = datastore::ScratchOf(server);
  return os::MakeDirectHost({.volume = beside.volume,
                             .table = driver->Tools(beside, info),
                             .runtime_directory = beside.runtime_directory,
                             .transient_nice = static_cast<int>(settings.limits.scratch_nice)});
}

}  // namespace dbagent::daemon
