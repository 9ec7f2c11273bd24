#include "agent/ctl/config_tables.h"
#include "agent/ctl/group_file.h"
#include "agent/ctl/session.h"
#include "dbagent/v1/configuration.grpc.pb.h"

namespace dbagent::ctl {
namespace {

using google::protobuf::Empty;
using Service = v1::ConfigurationService;

// ---- what there is

struct DescribeOptions {
  std::vector<std::string> names;
  std::string contains;
  bool settable = false, changed = false;
};

void Describe(Session& session, const DescribeOptions& options) {
  v1::DescribeParametersRequest request;
  for (const std::string& name : options.names) request.add_names(name);
  request.set_name_contains(options.contains);
  request.set_settable_only(options.settable);
  request.set_changed_only(options.changed);
  request.mutable_page()->set_page_size(1000);
  v1::DescribeParametersResponse all;
  if (!session.CallEveryPage<Service>(&Service::Stub::DescribeParameters, request, all)) return;
  if (!options.names.empty() && all.parameters().empty()) {
    session.Succeeded(Error(Code::kNotFound, "PARAMETER_UNKNOWN",
                            "the server has no parameter '{}'", options.names.front())
                          .WithHint("`dbagentctl config describe --contains TEXT` finds names"));
    return;
  }
  if (session.json) return;
  if (all.remembered())
    std::fputs("the server does not run; this is what it said when it last did\n", stderr);
  const bool one = options.names.size() == 1 && all.parameters_size() == 1;
  std::fputs((one ? ParameterDetails(all.parameters(0)) : ParameterTable(all.parameters())).c_str(),
             stdout);
}

bool GetConfiguration(Session& session, v1::Configuration& out) {
  return session.Call<Service>(&Service::Stub::Get, Empty(), out);
}

void ShowDrift(Session& session) {
  v1::Configuration configuration;
  if (!GetConfiguration(session, configuration)) return;
  session.Show(configuration, [&] {
    if (configuration.server_unavailable())
      return DriftText(configuration.drift()) +
             "the server does not run: what others set on it is not known\n";
    return configuration.drift().empty() ? std::string("nothing was changed by others\n")
                                         : DriftText(configuration.drift());
  });
}

void History(Session& session, std::uint64_t number) {
  if (number != 0) {
    v1::GetRevisionRequest request;
    request.set_number(number);
    v1::Revision revision;
    if (session.Call<Service>(&Service::Stub::GetRevision, request, revision))
      session.Show(revision, [&] { return RevisionDetails(revision); });
    return;
  }
  v1::ListRevisionsRequest request;
  v1::ListRevisionsResponse all;
  const bool listed = session.CallEveryPage<Service>(&Service::Stub::ListRevisions, request, all);
  if (listed && !session.json) std::fputs(RevisionTable(all.revisions()).c_str(), stdout);
}

// ---- changes

struct ChangeOptions {
  std::string file;
  std::vector<std::string> set, unset;
  bool dry_run = false, restart = false, overwrite_drift = false;
  std::uint32_t restart_timeout = 0;
  std::uint64_t revision = 0, memory_mib = 0;
  std::uint32_t cores = 0;
};

v1::ApplyOptions ToProto(const ChangeOptions& options) {
  v1::ApplyOptions out;
  out.set_validate_only(options.dry_run);
  out.set_restart(options.restart);
  out.set_restart_timeout_seconds(options.restart_timeout);
  out.set_overwrite_drift(options.overwrite_drift);
  return out;
}

// What a call would do; sets exit_code when it would do nothing of it.
void ShowPlan(Session& session, const v1::ApplyConfigurationResponse& response) {
  session.Show(response, [&] {
    std::string text =
        response.changes().empty() ? "nothing is different\n" : ChangeTable(response.changes());
    if (response.drift_size() > 0)
      text += "\nwould overwrite (needs --overwrite-drift):\n" + DriftText(response.drift());
    for (const v1::ParameterViolation& violation : response.violations())
      text += fmt::format("wrong: {} ({})\n", violation.message(), violation.reason());
    return text;
  });
  if (response.violations_size() > 0) session.exit_code = kFailed;
}

// Sends it; everything that is wrong is listed, not only what an error carries.
template <typename Request>
void Send(Session& session,
          grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                                v1::ApplyConfigurationResponse*),
          Request request, const ChangeOptions& options) {
  request.set_request_id(session.RequestId());
  const std::uint64_t expected = request.options().expected_revision();
  *request.mutable_options() = ToProto(options);
  request.mutable_options()->set_expected_revision(expected);
  v1::ApplyConfigurationResponse response;
  if (!options.dry_run) {
    Request check = request;
    check.mutable_options()->set_validate_only(true);
    if (!session.Call<Service>(method, check, response)) return;
    if (response.violations_size() > 0) return ShowPlan(session, response);
  }
  response.Clear();
  if (!session.Call<Service>(method, request, response)) return;
  if (options.dry_run) return ShowPlan(session, response);
  if (!response.has_operation()) {
    session.Show(response, [] { return std::string("nothing is different; nothing was done\n"); });
    return;
  }
  if (!session.json) std::fputs(ChangeTable(response.changes()).c_str(), stdout);
  session.Follow(response.operation());
  v1::Configuration now;
  if (session.json || session.no_wait || session.exit_code != kDone ||
      !GetConfiguration(session, now))
    return;
  const v1::Revision& revision = now.revision();
  std::printf("revision %llu is in force\n", static_cast<unsigned long long>(revision.number()));
  if (now.pending_restart_size() > 0) {
    std::printf("but for what waits for a restart (`dbagentctl instance restart`):\n%s",
                ChangeTable(now.pending_restart()).c_str());
  }
}

void Apply(Session& session, const ChangeOptions& options) {
  v1::ApplyConfigurationRequest request;
  Group group;
  if (!options.file.empty()) {
    Result<Group> read = ReadGroupFile(options.file);
    if (!session.Succeeded(read.status())) return;
    group = *std::move(read);
  } else if (options.set.empty() && options.unset.empty()) {
    session.Succeeded(Error(Code::kInvalidArgument, "USAGE", "there is nothing to apply")
                          .WithHint("give -f FILE, --set NAME=VALUE or --unset NAME"));
    return;
  } else {
    v1::Configuration now;
    if (!GetConfiguration(session, now)) return;
    group = {now.revision().values().begin(), now.revision().values().end()};
    // so that nobody's change in between is lost
    request.mutable_options()->set_expected_revision(now.revision().number());
  }
  for (const std::string& pair : options.set) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      session.Succeeded(
          Error(Code::kInvalidArgument, "USAGE", "--set '{}' is not NAME=VALUE", pair));
      return;
    }
    group[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  for (const std::string& name : options.unset) group.erase(name);
  request.mutable_values()->insert(group.begin(), group.end());
  Send(session, &Service::Stub::Apply, request, options);
}

void AddChangeOptions(CLI::App* command, ChangeOptions& options) {
  command->add_flag("--dry-run", options.dry_run, "check and compare only");
  command->add_flag("--restart", options.restart,
                    "restart the server when something needs it; without this it waits");
  command->add_option("--restart-timeout", options.restart_timeout,
                      "seconds until the restarted server must answer, else all is taken back "
                      "(default 300)");
  command->add_flag("--overwrite-drift", options.overwrite_drift,
                    "overwrite what others changed (`config drift` shows it)");
}

void AddGroupOptions(CLI::App* command, ChangeOptions& options) {
  command->add_option("-f,--file", options.file,
                      "the whole group, `name = value` lines; - is standard input");
  command->add_option("--set", options.set,
                      "NAME=VALUE on top of the file, or of the group as it is; may be repeated");
  command->add_option("--unset", options.unset, "a parameter to leave out; may be repeated");
}

}  // namespace

void AddConfigCommands(CLI::App& app, Session& session) {
  CLI::App* config = app.add_subcommand("config", "the server's parameters")->require_subcommand(1);

  CLI::App* describe =
      config->add_subcommand("describe", "parameters: value, where it comes from, what is allowed");
  auto filter = std::make_shared<DescribeOptions>();
  describe->add_option("NAME", filter->names, "only these; one alone is shown in full");
  describe->add_option("--contains", filter->contains, "only names with this text in them");
  describe->add_flag("--settable", filter->settable, "only those that a group may set");
  describe->add_flag("--changed", filter->changed, "only those that are not at their default");
  describe->callback([&session, filter] { Describe(session, *filter); });

  config->add_subcommand("get", "the group in force, as a file that apply takes")
      ->callback([&session] {
        v1::Configuration now;
        if (GetConfiguration(session, now))
          session.Show(now, [&] { return ConfigurationText(now); });
      });

  auto options = std::make_shared<ChangeOptions>();
  CLI::App* diff =
      config->add_subcommand("diff", "what applying a group would change, and what is wrong in it");
  AddGroupOptions(diff, *options);
  diff->add_flag("--restart", options->restart, "as apply would with it");
  diff->callback([&session, options] {
    options->dry_run = true;
    Apply(session, *options);
  });

  CLI::App* apply = config->add_subcommand(
      "apply", "apply a group: what is not in it any more goes back to the template or default");
  AddGroupOptions(apply, *options);
  AddChangeOptions(apply, *options);
  apply->callback([&session, options] { Apply(session, *options); });

  CLI::App* reset = config->add_subcommand("reset", "apply an empty group");
  AddChangeOptions(reset, *options);
  reset->callback([&session, options] {
    Send(session, &Service::Stub::Apply, v1::ApplyConfigurationRequest(), *options);
  });

  CLI::App* history = config->add_subcommand("history", "revisions, newest first; or one in full");
  history->add_option("REVISION", options->revision, "its number");
  history->callback([&session, options] { History(session, options->revision); });

  CLI::App* rollback = config->add_subcommand("rollback", "apply the group of an earlier revision");
  rollback->add_option("REVISION", options->revision, "its number")->required();
  AddChangeOptions(rollback, *options);
  rollback->callback([&session, options] {
    v1::RollbackConfigurationRequest request;
    request.set_revision(options->revision);
    Send(session, &Service::Stub::Rollback, request, *options);
  });

  CLI::App* resize =
      config->add_subcommand("resize", "make the template anew for another size; the group stays");
  resize->add_option("--memory-mib", options->memory_mib,
                     "RAM that the server may use; default: three quarters of the machine's");
  resize->add_option("--cores", options->cores, "default: the machine's");
  AddChangeOptions(resize, *options);
  resize->callback([&session, options] {
    v1::ResizeConfigurationRequest request;
    request.set_memory_bytes(options->memory_mib << 20U);
    request.set_cores(options->cores);
    Send(session, &Service::Stub::Resize, request, *options);
  });

  config->add_subcommand("drift", "what others changed: files, and parameters of the server")
      ->callback([&session] { ShowDrift(session); });
}

}  // namespace dbagent::ctl
