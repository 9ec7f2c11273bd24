#include "datastores/postgresql/layers.h"

#include "datastores/postgresql/config.h"
#include "datastores/postgresql/names.h"
#include "datastores/postgresql/quoting.h"
#include "datastores/postgresql/server_log.h"
#include "datastores/postgresql/system_values.h"
#include "datastores/postgresql/template.h"
#include "datastores/postgresql/tools.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr const char* kTemplateFile = "10-template.conf";
constexpr const char* kGroupFile = "20-group.conf";
constexpr const char* kSystemFile = "90-system.conf";

// So that no name and no value can be more than one line of its file, whatever was checked before.
Status CheckLines(const Values& values) {
  constexpr std::string_view kControl("\0\n\r", 3);
  constexpr std::string_view kNameBytes = "abcdefghijklmnopqrstuvwxyz0123456789_$.";
  for (const auto& [name, value] : values) {
    if (name.empty() || name.find_first_not_of(kNameBytes) != std::string::npos) {
      return Error(Code::kInvalidArgument, "CONFIGURATION_INVALID",
                   "unable to use parameter '{}': that is no name of one", name);
    }
    if (value.find_first_of(kControl) != std::string::npos) {
      return Error(Code::kInvalidArgument, "CONFIGURATION_INVALID",
                   "unable to use the value of parameter '{}': it has more than one line", name);
    }
  }
  return Ok();
}

Result<std::string> File(const std::string& header, const Values& values) {
  RETURN_IF_ERROR(CheckLines(values));
  std::string text = header;
  for (const auto& [name, value] : values) text += name + " = " + ConfigurationValue(value) + "\n";
  return text;
}

std::string Entry(const std::string& directory) {
  std::string text =
      "# The server's configuration: which set of files it reads. Written by dbagentd; changes "
      "made "
      "here are lost.\n# Change parameters by 'dbagentctl config apply'.\n";
  for (const char* const file : {kTemplateFile, kGroupFile, kSystemFile})
    text += "include " + ConfigurationValue(directory + file) + "\n";
  return text;
}

}  // namespace

Result<RenderedSet> RenderSet(const ServerSettings& settings, const ConfigurationSet& set,
                              std::uint64_t number) {
  RETURN_IF_ERROR(CheckConfiguration(settings, set));
  ASSIGN_OR_RETURN(
      std::string of_template,
      File(fmt::format("# Sizes for {} MiB of memory and {} cores. Written by dbagentd; changes "
                       "made here are lost.\n"
                       "# A parameter of the group overrides them: 'dbagentctl config apply'.\n",
                       set.flavor.memory_bytes >> 20U, set.flavor.cores),
           set.template_values));
  ASSIGN_OR_RETURN(
      std::string of_group,
      File(fmt::format("# The user's configuration group, revision {}. Written by dbagentd; "
                       "changes made here are lost.\n"
                       "# Change it by 'dbagentctl config apply'.\n",
                       number),
           set.group));
  ASSIGN_OR_RETURN(
      std::string of_system,
      File("# What the agent needs; overrides everything above. Written by dbagentd; changes made "
           "here are lost.\n# Most of it follows from the agent's own settings.\n",
           SystemValues(settings, set)));
  RenderedSet rendered;
  rendered.layers = {{kTemplateFile, std::move(of_template)},
                     {kGroupFile, std::move(of_group)},
                     {kSystemFile, std::move(of_system)},
                     // a relative path is looked for beside the file that includes
                     {kMainFile, Entry("")}};
  rendered.entries = {{kIdentFile, IdentConfiguration(settings)},
                      {kHostFile, HostConfiguration(settings, set)},
                      {kMainFile, Entry(fmt::format("sets/{}/", number))}};
  return rendered;
}

Values PostgresLayers::Template(const Flavor& flavor) const {
  return TemplateValues(flavor);
}

Result<Values> PostgresLayers::System(const ConfigurationSet& set) const {
  RETURN_IF_ERROR(CheckConfiguration(server_.settings, set));
  return SystemValues(server_.settings, set);
}

Result<RenderedSet> PostgresLayers::Render(const ConfigurationSet& set,
                                           std::uint64_t number) const {
  return RenderSet(server_.settings, set, number);
}

Status PostgresLayers::TryStart(const OpContext& ctx, std::uint64_t number) {
  RETURN_IF_ERROR(ctx.Poll());
  ASSIGN_OR_RETURN(
      const std::unique_ptr<os::ChildProcess> child,
      server_.host.RunTool({kTryStart, {{"set", std::to_string(number)}}, -1, -1, {}}));
  ASSIGN_OR_RETURN(const os::ExitStatus exit, child->Wait(ctx));
  if (exit.success()) return Ok();
  const std::string words = ErrorWords(child->stderr_tail());
  return Error(Code::kFailedPrecondition, "CONFIGURATION_REJECTED",
               "unable to use configuration set '{}': {}", number,
               words.empty() ? exit.ToString() : words);
}

}  // namespace dbagent::datastore::postgresql
