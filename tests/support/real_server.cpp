#include "tests/support/real_server.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "agent/base/unique_fd.h"
#include "agent/os/helper_host.h"
#include "datastores/configuration_sets.h"
#include "tests/support/arguments.h"
#include "tests/support/root_part.h"
#include "tests/support/run_program.h"

namespace dbagent::tests {
namespace {

std::unique_ptr<RealServer> the_server;

// A TCP port of the loopback that nobody has just now.
std::uint16_t FreePort() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd.get(), generic, size) != 0 || getsockname(fd.get(), generic, &size) != 0) {
    std::perror("no free port");
    std::exit(2);
  }
  return ntohs(address.sin_port);
}

std::string ThisUser() {
  return getpwuid(geteuid())->pw_name;
}

[[noreturn]] void Die(const Status& status) {
  std::fprintf(stderr, "unable to prepare the server: %s\n", status.ToString().c_str());
  the_server.reset();
  std::exit(2);
}

}  // namespace

RealServer::RealServer(const std::string& agent, bool direct)
    : traits_(TheTraits()), driver_(traits_.make_driver()) {
  const bool separate = TheArguments().separate && !direct;
  if (separate || direct) root_directory_ = RootPart::MakeDirectory();
  if (direct) RootPart::MakeAgentsDirectory(root_directory_ / "volume");
  settings_.volume =
      os::Volume((root_directory_.empty() ? directory_.path() : root_directory_) / "volume");
  settings_.runtime_directory = separate ? root_directory_ / "run" / "main" : directory_ / "run";
  settings_.programs = traits_.programs;
  settings_.own_programs = DBAGENT_BINARY_DIR "/agent";
  settings_.os_user = agent.empty() ? ThisUser() : agent;
  settings_.server_user = separate ? RootPart::ServerUser() : settings_.os_user;
  settings_.port = FreePort();
  settings_.bind_addresses = {"127.0.0.1"};
  Result<datastore::DatastoreInfo> info = driver_->Detect(settings_);
  if (!info.ok()) Die(info.status());
  if (info->product != traits_.product) {
    Die(Error(Code::kFailedPrecondition, "WRONG_SERVER", "found {} for --server={}", info->product,
              traits_.name)
            .WithHint("tests/run names MySQL's tree in DBAGENT_TEST_MYSQL_PREFIX"));
  }
  info_ = *info;
  OpenHost();
}

void RealServer::BecomeThisUser() {
  if (!settings_.separate()) settings_.server_user = ThisUser();
  settings_.os_user = ThisUser();
  OpenHost();
}

void RealServer::BecomeSeparate() {
  settings_.server_user = RootPart::ServerUser();
  settings_.runtime_directory = root_directory_ / "run" / "main";
  OpenHost();
}

void RealServer::OpenHost() {
  store_.reset();
  host_.reset();
  if (settings_.separate() && !root_directory_.empty()) {
    helper_socket_ = RootPart::StartHelper(root_directory_, os::FormatHelperTable(Table()));
    host_ = os::MakeHelperHost({helper_socket_, Table(), false});
  } else {
    host_ = os::MakeDirectHost({.volume = settings_.volume,
                                .table = driver_->Tools(settings_, info_),
                                .runtime_directory = settings_.runtime_directory});
  }
  if (const Status prepared = host_->PrepareVolume(); !prepared.ok()) Die(prepared);
  store_ = driver_->Open(settings_, info_, *host_);
}

RealServer::~RealServer() {
  store_.reset();
  if (const Status stopped = host_->StopServer(OpContext().WithBudget(std::chrono::seconds(20)));
      !stopped.ok()) {
    std::fprintf(stderr, "unable to stop the server: %s\n", stopped.ToString().c_str());
  }
  if (!root_directory_.empty()) RootPart::Remove(root_directory_);
}

os::HelperTable RealServer::Table() const {
  const datastore::ServerSettings scratch = datastore::ScratchOf(settings_);
  return {.agent_user = ThisUser(),
          .server_user = settings_.server_user,
          .unit = "",
          .scratch_nice = 0,
          .main = {settings_.volume.root(), settings_.runtime_directory,
                   driver_->Tools(settings_, info_)},
          .scratch = {scratch.volume.root(), scratch.runtime_directory,
                      driver_->Tools(scratch, info_)}};
}

std::unique_ptr<os::InstanceHost> RealServer::MakeScratchHost() const {
  if (!helper_socket_.empty()) return os::MakeHelperHost({helper_socket_, Table(), true});
  const datastore::ServerSettings scratch = datastore::ScratchOf(settings_);
  return os::MakeDirectHost({.volume = scratch.volume,
                             .table = driver_->Tools(scratch, info_),
                             .runtime_directory = scratch.runtime_directory,
                             .transient_nice = 0});
}

Result<std::string> RealServer::AsServer(const std::string& command) const {
  return settings_.separate() ? RootPart::AsServer(command)
                              : RunProgram({"/usr/bin/bash", "-c", command});
}

Status RealServer::PutFile(const os::Path& path, const std::string& text) const {
  return AsServer(fmt::format("mkdir -p '{}' && printf %s '{}' > '{}'", path.parent_path().native(),
                              text, path.native()))
      .status();
}

bool RealServer::Sees(const os::Path& path) const {
  return AsServer(fmt::format("test -e '{0}' || test -L '{0}'", path.native())).ok();
}

Status RealServer::Signal(pid_t pid, int signal) const {
  return AsServer(fmt::format("kill -{} {}", signal, pid)).status();
}

datastore::ConfigurationSet RealServer::SmallSet() {
  datastore::ConfigurationSet set;
  set.flavor = {256U << 20U, 2};
  set.server_id = 7;
  set.allowed_networks = {"127.0.0.0/8"};
  set.template_values = store_->layers()->Template(set.flavor);
  return set;
}

Status RealServer::Configure(std::uint64_t number, const datastore::ConfigurationSet& set) {
  ASSIGN_OR_RETURN(const datastore::RenderedSet rendered, store_->layers()->Render(set, number));
  RETURN_IF_ERROR(datastore::WriteSet(settings_.volume, number, rendered));
  RETURN_IF_ERROR(datastore::SelectSet(settings_.volume, rendered));
  const os::Path file = settings_.volume.config() / traits_.configuration_file;
  ASSIGN_OR_RETURN(const std::string written, os::ReadFile(file));
  return os::WriteFileAtomic(file, written + traits_.hurry, 0644);
}

Status RealServer::Prepare() {
  RETURN_IF_ERROR(PrepareFiles());
  return store_->server()->Start(OpContext().WithBudget(std::chrono::minutes(2)));
}

Status RealServer::PrepareFiles() {
  const OpContext ctx = OpContext().WithBudget(std::chrono::minutes(2));
  RETURN_IF_ERROR(Configure(1, SmallSet()));
  ASSIGN_OR_RETURN(const os::Generation generation, host_->MakeGeneration());
  RETURN_IF_ERROR(store_->server()->Initialise(ctx, {generation}));
  return host_->SwitchGeneration(generation.number);
}

bool RealServer::Reaches(datastore::HealthState state, std::chrono::seconds span) {
  const Deadline deadline = Deadline::After(span);
  while (store_->CheckHealth().state != state) {
    if (deadline.expired()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

RealServer& TheServer() {
  if (!the_server) {
    the_server = std::make_unique<RealServer>();
    if (const Status prepared = the_server->Prepare(); !prepared.ok()) Die(prepared);
  }
  return *the_server;
}

void EndTheServer() {
  the_server.reset();
}

}  // namespace dbagent::tests
