#include "agent/base/bytes.h"
#include "agent/ctl/session.h"
#include "agent/ctl/specs.h"
#include "agent/ctl/store_options.h"
#include "dbagent/v1/instance.grpc.pb.h"

namespace dbagent::ctl {
namespace {

std::string InstanceTable(const v1::Instance& instance) {
  Table table({"FIELD", "VALUE"});
  table.Add({"state", v1::InstanceState_Name(instance.state()) +
                          (instance.detail().empty() ? "" : ": " + instance.detail())});
  table.Add({"id", instance.id().empty() ? "-" : instance.id()});
  table.Add({"datastore", fmt::format("{} {} (driver {})", instance.product(),
                                      instance.installed_version(), instance.datastore())});
  table.Add(
      {"server version", instance.server_version().empty() ? "-" : instance.server_version()});
  std::string addresses;
  for (const std::string& address : instance.bind_addresses())
    addresses += (addresses.empty() ? "" : ", ") + address;
  table.Add({"listens on", fmt::format("{} port {}", addresses, instance.port())});
  table.Add({"prepared", ShowTime(instance.prepare_time().seconds())});
  table.Add({"agent", fmt::format("{}, mode {}, service manager {}", instance.agent_version(),
                                  instance.mode(), instance.service_manager())});
  return table.ToString();
}

struct PrepareOptions {
  std::uint64_t memory_mib = 0;
  std::uint32_t cores = 0;
  std::vector<std::string> networks, databases, users;
  std::string from_backup, from_instance;
  StoreOptions from_store;
};

void Prepare(Session& session, const PrepareOptions& options) {
  v1::PrepareInstanceRequest request;
  request.set_request_id(session.RequestId());
  request.set_memory_bytes(options.memory_mib << 20U);
  request.set_cores(options.cores);
  for (const std::string& network : options.networks) request.add_allowed_networks(network);
  for (const std::string& name : options.databases) request.add_databases()->set_name(name);
  for (const std::string& spec : options.users) {
    if (!session.Succeeded(ReadNewUser(spec, *request.add_users()))) return;
  }
  if (!options.from_backup.empty()) {
    v1::BackupSource& source = *request.mutable_from_backup();
    if (!session.Succeeded(SetStore(options.from_store, source))) return;
    source.set_instance_id(options.from_instance);
    source.set_backup_id(options.from_backup);
  }
  v1::Operation operation;
  if (session.Call<v1::InstanceService>(&v1::InstanceService::Stub::Prepare, request, operation))
    session.Follow(operation);
  for (v1::NewUser& user : *request.mutable_users()) Wipe(*user.mutable_password());
}

void Watch(Session& session, std::uint32_t heartbeat) {
  const auto channel = session.channel();
  if (!channel) return;
  grpc::ClientContext context;
  v1::WatchInstanceRequest request;
  request.set_heartbeat_seconds(heartbeat);
  const auto stream = v1::InstanceService::NewStub(channel)->Watch(&context, request);
  v1::Instance instance;
  while (stream->Read(&instance)) {
    session.Show(instance, [&] {
      return fmt::format("{}  {}  {} {}  {}\n", ShowTime(instance.observe_time().seconds()),
                         v1::InstanceState_Name(instance.state()), instance.product(),
                         instance.server_version(), instance.detail());
    });
    std::fflush(stdout);
  }
  session.Succeeded(FromGrpc(stream->Finish()));
}

}  // namespace

void AddInstanceCommands(CLI::App& app, Session& session) {
  CLI::App* instance =
      app.add_subcommand("instance", "the database server that the agent looks after")
          ->require_subcommand(1);

  instance->add_subcommand("get", "its state")->callback([&session] {
    v1::Instance answer;
    if (session.Call<v1::InstanceService>(&v1::InstanceService::Stub::Get,
                                          google::protobuf::Empty(), answer)) {
      session.Show(answer, [&] { return InstanceTable(answer); });
    }
  });

  CLI::App* watch =
      instance->add_subcommand("watch", "its state now and at every change, until interrupted");
  auto heartbeat = std::make_shared<std::uint32_t>(30);
  watch->add_option("--heartbeat", *heartbeat, "seconds between two lines when nothing changes")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  watch->callback([&session, heartbeat] { Watch(session, *heartbeat); });

  instance->add_subcommand("capabilities", "what the driver can do")->callback([&session] {
    v1::Capabilities answer;
    if (!session.Call<v1::InstanceService>(&v1::InstanceService::Stub::GetCapabilities,
                                           google::protobuf::Empty(), answer))
      return;
    session.Show(answer, [&] {
      std::string text;
      for (const std::string& capability : answer.capabilities()) text += capability + "\n";
      return text;
    });
  });

  CLI::App* prepare = instance->add_subcommand("prepare", "make a new server on the empty volume");
  auto options = std::make_shared<PrepareOptions>();
  prepare->add_option("--memory-mib", options->memory_mib,
                      "RAM that the server may use; default: three quarters of the machine's");
  prepare->add_option("--cores", options->cores,
                      "processors that the server may use; default: the machine's");
  prepare->add_option("--allow-network", options->networks,
                      "from where users may log in (CIDR); may be repeated");
  prepare->add_option("--database", options->databases, "a database to make; may be repeated");
  prepare->add_option(
      "--user", options->users,
      "a user to make: NAME[@HOST],password-file=FILE[,DATABASE=read-only|read-write|all]…; may be "
      "repeated");
  CLI::Option* from = prepare->add_option(
      "--from-backup", options->from_backup,
      "make it of this backup, with its databases and users, instead of an empty server");
  from->needs(prepare->add_option("--from-instance", options->from_instance,
                                  "the id of the instance that was backed up"));
  AddStoreOptions(*prepare, options->from_store, "from-");
  for (const char* name : {"--from-store", "--from-target"}) prepare->get_option(name)->needs(from);
  prepare->callback([&session, options] { Prepare(session, *options); });

  instance->add_subcommand("start", "start the server")->callback([&session] {
    v1::StartInstanceRequest request;
    request.set_request_id(session.RequestId());
    v1::Operation operation;
    if (session.Call<v1::InstanceService>(&v1::InstanceService::Stub::Start, request, operation))
      session.Follow(operation);
  });
  auto timeout = std::make_shared<std::uint32_t>(0);
  CLI::App* stop =
      instance->add_subcommand("stop", "stop the server cleanly; it stays stopped until asked");
  stop->add_option("--stop-timeout", *timeout, "seconds before it is killed (default 300)");
  stop->callback([&session, timeout] {
    v1::StopInstanceRequest request;
    request.set_request_id(session.RequestId());
    request.set_timeout_seconds(*timeout);
    v1::Operation operation;
    if (session.Call<v1::InstanceService>(&v1::InstanceService::Stub::Stop, request, operation))
      session.Follow(operation);
  });
  CLI::App* restart = instance->add_subcommand("restart", "stop and start the server");
  restart->add_option("--stop-timeout", *timeout, "seconds before it is killed (default 300)");
  restart->callback([&session, timeout] {
    v1::RestartInstanceRequest request;
    request.set_request_id(session.RequestId());
    request.set_timeout_seconds(*timeout);
    v1::Operation operation;
    if (session.Call<v1::InstanceService>(&v1::InstanceService::Stub::Restart, request, operation))
      session.Follow(operation);
  });
}

}  // namespace dbagent::ctl
