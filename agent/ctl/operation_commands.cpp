#include "agent/base/bytes.h"
#include "agent/ctl/session.h"
#include "agent/ctl/specs.h"
#include "dbagent/v1/operation.grpc.pb.h"

namespace dbagent::ctl {
namespace {

std::string OperationTable(const google::protobuf::RepeatedPtrField<v1::Operation>& operations) {
  Table table({"ID", "KIND", "STATE", "STARTED", "%", "TARGETS", "ERROR"});
  for (const v1::Operation& operation : operations) {
    std::string targets;
    for (const std::string& target : operation.targets())
      targets += (targets.empty() ? "" : ", ") + target;
    if (targets.size() > 40) targets = targets.substr(0, 37) + "...";
    table.Add({operation.id(), operation.kind(), v1::OperationState_Name(operation.state()),
               ShowTime(operation.start_time().seconds()),
               fmt::format("{:.0f}", operation.progress().percent()), targets,
               operation.error().reason()});
  }
  return table.ToString();
}

std::string OperationDetails(const v1::Operation& operation) {
  Table table({"FIELD", "VALUE"});
  table.Add({"id", operation.id()});
  table.Add({"kind", operation.kind()});
  table.Add({"state", v1::OperationState_Name(operation.state())});
  table.Add({"caller", operation.caller()});
  table.Add({"started", ShowTime(operation.start_time().seconds())});
  table.Add({"ended", ShowTime(operation.end_time().seconds())});
  for (const std::string& target : operation.targets()) table.Add({"target", target});
  if (!operation.backup_id().empty()) table.Add({"backup", operation.backup_id()});
  table.Add({"progress", fmt::format("{:.0f} % {}", operation.progress().percent(),
                                     operation.progress().step())});
  if (operation.progress().bytes_per_second_limit() > 0) {
    table.Add({"limit", FormatBytes(operation.progress().bytes_per_second_limit()) + "/s"});
  }
  if (operation.has_error()) {
    table.Add({"error", operation.error().message()});
    table.Add({"reason", operation.error().reason()});
    if (!operation.error().hint().empty()) table.Add({"hint", operation.error().hint()});
  }
  for (const std::string& note : operation.notes()) table.Add({"note", note});
  if (operation.progress().stages().empty()) return table.ToString();
  return table.ToString() + "\n" + StageTable(operation.progress().stages());
}

struct ListOptions {
  std::int32_t limit = 20;
  std::vector<std::string> states;
  std::string kind;
};

void List(Session& session, const ListOptions& options) {
  v1::ListOperationsRequest request;
  request.mutable_page()->set_page_size(options.limit);
  request.set_kind(options.kind);
  for (const std::string& name : options.states) {
    v1::OperationState state{};
    if (!v1::OperationState_Parse(name, &state)) {
      session.Succeeded(
          Error(Code::kInvalidArgument, "USAGE", "there is no operation state '{}'", name)
              .WithHint("PENDING, RUNNING, CANCELLING, INTERRUPTED, SUCCEEDED, FAILED, CANCELLED, "
                        "ORPHANED"));
      return;
    }
    request.add_states(state);
  }
  v1::ListOperationsResponse response;
  if (session.Call<v1::OperationService>(&v1::OperationService::Stub::List, request, response)) {
    session.Show(response, [&] { return OperationTable(response.operations()); });
  }
}

}  // namespace

void AddOperationCommands(CLI::App& app, Session& session) {
  CLI::App* operation =
      app.add_subcommand("operation", "what the agent does and did")->require_subcommand(1);
  auto list_options = std::make_shared<ListOptions>();
  CLI::App* list = operation->add_subcommand("list", "the newest");
  list->add_option("--limit", list_options->limit, "how many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  list->add_option("--state", list_options->states, "only in this state; may be repeated");
  list->add_option("--kind", list_options->kind,
                   "only of this kind: backup.create, database.delete, …");
  list->callback([&session, list_options] { List(session, *list_options); });

  auto id = std::make_shared<std::string>();
  CLI::App* get = operation->add_subcommand("get", "one of them");
  get->add_option("ID", *id, "which")->required();
  get->callback([&session, id] {
    v1::GetOperationRequest request;
    request.set_id(*id);
    v1::Operation answer;
    if (session.Call<v1::OperationService>(&v1::OperationService::Stub::Get, request, answer)) {
      session.Show(answer, [&] { return OperationDetails(answer); });
    }
  });
  CLI::App* cancel = operation->add_subcommand("cancel", "ask one to end, and follow it");
  cancel->add_option("ID", *id, "which")->required();
  cancel->callback([&session, id] {
    v1::CancelOperationRequest request;
    request.set_id(*id);
    v1::Operation answer;
    if (session.Call<v1::OperationService>(&v1::OperationService::Stub::Cancel, request, answer))
      session.Follow(answer);
  });
  auto rate = std::make_shared<std::string>();
  CLI::App* throttle = operation->add_subcommand(
      "throttle",
      "change how much a running backup reads from the server a second, a restore or "
      "verification from the store");
  throttle->add_option("ID", *id, "which")->required();
  throttle->add_option("RATE", *rate, "like 50MiB; 0: no limit")->required();
  throttle->callback([&session, id, rate] {
    v1::ThrottleOperationRequest request;
    request.set_id(*id);
    request.set_bytes_per_second(ReadSize("RATE", *rate));
    v1::Operation answer;
    if (session.Call<v1::OperationService>(&v1::OperationService::Stub::Throttle, request, answer))
      session.Show(answer, [&] { return OperationDetails(answer); });
  });
  CLI::App* watch = operation->add_subcommand("watch", "follow one to its end");
  watch->add_option("ID", *id, "which")->required();
  watch->callback([&session, id] {
    v1::Operation wanted;
    wanted.set_id(*id);
    session.no_wait = false;
    if (session.channel()) session.Follow(wanted);
  });
}

}  // namespace dbagent::ctl
