#include "tests/support/real_server.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "agent/base/unique_fd.h"
#include "datastores/configuration_sets.h"

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

[[noreturn]] void Die(const Status& status) {
  std::fprintf(stderr, "unable to prepare the server: %s\n", status.ToString().c_str());
  the_server.reset();
  std::exit(2);
}

}  // namespace

RealServer::RealServer() : traits_(TheTraits()), driver_(traits_.make_driver()) {
  settings_.volume = os::Volume(directory_ / "volume");
  settings_.runtime_directory = directory_ / "run";
  settings_.programs = traits_.programs;
  settings_.own_programs = DBAGENT_BINARY_DIR "/agent";
  settings_.os_user = getpwuid(geteuid())->pw_name;
  settings_.server_user = settings_.os_user;
  settings_.port = FreePort();
  settings_.bind_addresses = {"127.0.0.1"};
  Result<datastore::DatastoreInfo> info = driver_->Detect(settings_);
  if (!info.ok()) Die(info.status());
  if (info->product != traits_.product) {
    Die(Error(Code::kFailedPrecondition, "WRONG_SERVER", "found {} for --server={}", info->product,
              traits_.name)
            .WithHint("tests/run names MySQL's tree in DBAGENT_TEST_MYSQL_PREFIX"));
  }
  host_ = os::MakeDirectHost({.volume = settings_.volume,
                              .table = driver_->Tools(settings_, *info),
                              .runtime_directory = settings_.runtime_directory});
  if (const Status prepared = host_->PrepareVolume(); !prepared.ok()) Die(prepared);
  store_ = driver_->Open(settings_, *info, *host_);
}

RealServer::~RealServer() {
  store_.reset();
  if (const Status stopped = host_->StopServer(OpContext().WithBudget(std::chrono::seconds(20)));
      !stopped.ok()) {
    std::fprintf(stderr, "unable to stop the server: %s\n", stopped.ToString().c_str());
  }
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
  const OpContext ctx = OpContext().WithBudget(std::chrono::minutes(2));
  datastore::ServerControl& control = *store_->server();
  RETURN_IF_ERROR(Configure(1, SmallSet()));
  ASSIGN_OR_RETURN(const os::Generation generation, host_->MakeGeneration());
  RETURN_IF_ERROR(control.Initialise(ctx, {generation}));
  RETURN_IF_ERROR(host_->SwitchGeneration(generation.number));
  return control.Start(ctx);
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
