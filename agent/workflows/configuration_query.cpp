// What is: parameters, the configuration in force, its history.
#include <algorithm>
#include <charconv>
#include <set>

#include "agent/workflows/configurations.h"
#include "agent/workflows/paging.h"

namespace dbagent::workflows {
namespace {

// A page token belongs to one list with one set of filters.
std::string ListName(const v1::DescribeParametersRequest& request) {
  std::string list = fmt::format("parameters {} {} {}", request.settable_only(),
                                 request.changed_only(), request.name_contains());
  for (const std::string& name : request.names()) list += " " + name;
  return list;
}

bool Passes(const v1::Parameter& parameter, const v1::DescribeParametersRequest& request,
            const std::set<std::string>& names) {
  if (!names.empty() && !names.contains(parameter.name())) return false;
  if (parameter.name().find(request.name_contains()) == std::string::npos) return false;
  if (request.settable_only() && parameter.access() != v1::USER) return false;
  if (!request.changed_only()) return true;
  const bool is_default =
      parameter.has_default_value() && parameter.default_value() == parameter.value();
  return parameter.pending_restart() || (parameter.source() != v1::DEFAULT && !is_default);
}

}  // namespace

Result<v1::DescribeParametersResponse> Configurations::Describe(
    const Call& call, const v1::DescribeParametersRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(datastore::SettingsAdmin* const admin, Admin());
  const std::string list = ListName(request);
  ASSIGN_OR_RETURN(const PageAsked page, ReadPage(context_.operations, request.page(), list));
  bool remembered = false;
  ASSIGN_OR_RETURN(const datastore::Description description,
                   DescribeServer(call.Reading(), &remembered));
  ASSIGN_OR_RETURN(const internal::ConfigurationState state, store_.State());
  ASSIGN_OR_RETURN(const internal::StoredRevision selected, store_.Revision(state.selected()));
  ASSIGN_OR_RETURN(const OwnValues own, OwnOf(state, selected));
  std::map<std::string, v1::ParameterChange> pending;
  for (v1::ParameterChange& change : PendingOf(state, own, description))
    pending[change.name()] = std::move(change);
  std::set<std::string> names;
  for (const std::string& name : request.names()) names.insert(admin->CanonicalName(name));

  v1::DescribeParametersResponse response;
  response.set_server_version(description.server_version);
  response.set_remembered(remembered);
  for (const datastore::Parameter& known : description.parameters) {
    if (page.after && known.name <= *page.after) continue;
    v1::Parameter parameter = ToProto(known);
    parameter.set_source(SourceOf(known, own));
    const auto waiting = pending.find(known.name);
    if (waiting != pending.end()) {
      parameter.set_pending_restart(true);
      if (waiting->second.has_new_value()) parameter.set_pending_value(waiting->second.new_value());
    } else if (parameter.pending_restart()) {
      // by others' doing: the server says so
      if (const auto value = ValueIn(own.layers, known.name)) parameter.set_pending_value(*value);
    }
    if (!Passes(parameter, request, names)) continue;
    if (static_cast<std::size_t>(response.parameters_size()) == page.limit) {
      response.mutable_page()->set_next_page_token(MakePageToken(
          context_.operations, list, response.parameters(response.parameters_size() - 1).name()));
      break;
    }
    *response.add_parameters() = std::move(parameter);
  }
  return response;
}

Result<v1::Configuration> Configurations::Get(const Call& call) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(datastore::ConfigurationLayers* const layers, Layers());
  ASSIGN_OR_RETURN(const internal::ConfigurationState state, store_.State());
  ASSIGN_OR_RETURN(const internal::StoredRevision selected, store_.Revision(state.selected()));
  ASSIGN_OR_RETURN(const datastore::Values system, layers->System(SetOf(selected)));
  ASSIGN_OR_RETURN(const OwnValues own, OwnOf(state, selected));
  v1::Configuration out;
  *out.mutable_revision() = selected.revision();
  *out.mutable_template_values() = selected.template_values();
  out.mutable_system_values()->insert(system.begin(), system.end());
  for (v1::Drift& drift :
       DriftOfFiles(datastore::ChangedFiles(context_.volume, state.selected(), FilesOf(selected))))
    *out.add_drift() = std::move(drift);
  bool remembered = false;
  const Result<datastore::Description> description = DescribeServer(call.Reading(), &remembered);
  if (!description.ok() && description.status().code() != Code::kUnavailable)
    return description.status();
  out.set_server_unavailable(!description.ok() || remembered);
  if (out.server_unavailable()) return out;
  for (v1::Drift& drift : DriftOfParameters(*description, own)) *out.add_drift() = std::move(drift);
  for (v1::ParameterChange& change : PendingOf(state, own, *description))
    *out.add_pending_restart() = std::move(change);
  // as it is by now: the server may have been restarted since
  if (out.revision().state() == v1::IN_FORCE || out.revision().state() == v1::RESTART_PENDING)
    out.mutable_revision()->set_state(out.pending_restart().empty() ? v1::IN_FORCE
                                                                    : v1::RESTART_PENDING);
  return out;
}

Result<v1::ListRevisionsResponse> Configurations::List(const v1::ListRevisionsRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(const PageAsked page,
                   ReadPage(context_.operations, request.page(), "revisions"));
  std::uint64_t before = ~std::uint64_t{0};
  if (page.after) {
    const char* const end = page.after->data() + page.after->size();
    const auto parsed = std::from_chars(page.after->data(), end, before);
    if (parsed.ec != std::errc() || parsed.ptr != end) {
      return Error(Code::kInvalidArgument, "VALUE_INVALID",
                   "unable to list revisions: start_after '{}' is no revision's number",
                   *page.after);
    }
  }
  ASSIGN_OR_RETURN(std::vector<std::uint64_t> numbers, store_.Numbers());
  std::reverse(numbers.begin(), numbers.end());
  v1::ListRevisionsResponse response;
  for (const std::uint64_t number : numbers) {
    if (number >= before) continue;
    if (static_cast<std::size_t>(response.revisions_size()) == page.limit) {
      response.mutable_page()->set_next_page_token(MakePageToken(
          context_.operations, "revisions",
          std::to_string(response.revisions(response.revisions_size() - 1).number())));
      break;
    }
    ASSIGN_OR_RETURN(internal::StoredRevision stored, store_.Revision(number));
    *response.add_revisions() = std::move(*stored.mutable_revision());
  }
  return response;
}

Result<v1::Revision> Configurations::GetRevision(const v1::GetRevisionRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(internal::StoredRevision stored, store_.Revision(request.number()));
  return std::move(*stored.mutable_revision());
}

}  // namespace dbagent::workflows
