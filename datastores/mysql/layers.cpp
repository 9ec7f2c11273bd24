#include <algorithm>

#include "datastores/configuration_sets.h"
#include "datastores/mysql/error_lines.h"
#include "datastores/mysql/option_file.h"
#include "datastores/mysql/parts.h"
#include "datastores/mysql/system_values.h"
#include "datastores/mysql/template.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr const char* kTemplateFile = "10-template.cnf";
constexpr const char* kGroupFile = "20-group.cnf";
constexpr const char* kSystemFile = "90-system.cnf";
constexpr auto kTryBudget = std::chrono::seconds(60);

class Layers : public ConfigurationLayers {
 public:
  explicit Layers(Server& server) : server_(server) {}

  Values Template(const Flavor& flavor) const override {
    return TemplateValues(server_.dialect, flavor);
  }
  Result<Values> System(const ConfigurationSet& set) const override {
    return SystemValues(server_.settings, server_.dialect, set);
  }
  Result<RenderedSet> Render(const ConfigurationSet& set, std::uint64_t number) const override;
  Status TryStart(const OpContext& ctx, std::uint64_t number) override;

 private:
  os::Path SetPath(std::uint64_t number, const char* file) const {
    return SetDirectory(server_.settings.volume, number) / file;
  }
  Result<std::string> EntryText(std::uint64_t number) const;
  Status CheckReadable(std::uint64_t number) const;

  Server& server_;
};

// The path of an include cannot be quoted: it is the rest of its line.
Result<std::string> Layers::EntryText(std::uint64_t number) const {
  std::string text =
      "# Which configuration set the server reads. Written by dbagentd: a change is lost.\n";
  for (const char* file : {kTemplateFile, kGroupFile, kSystemFile}) {
    const std::string path = SetPath(number, file).native();
    if (HasControlCharacter(path) || path.ends_with(' ') || path.size() > kLongestOptionLine) {
      return Error(Code::kInvalidArgument, "CONFIGURATION_INVALID",
                   "unable to configure the server: no option file can include '{}'", path);
    }
    text += "!include " + path + "\n";
  }
  return text;
}

Result<RenderedSet> Layers::Render(const ConfigurationSet& set, std::uint64_t number) const {
  ASSIGN_OR_RETURN(const Values system, System(set));
  RenderedSet rendered;
  const auto add = [&](const char* file, const std::string& header,
                       const Values& values) -> Status {
    ASSIGN_OR_RETURN(std::string text, OptionFileText(server_.dialect, header, values));
    rendered.layers.push_back({file, std::move(text)});
    return Ok();
  };
  RETURN_IF_ERROR(add(
      kTemplateFile,
      "# Sizes that fit this machine. Written by dbagentd: a change is lost. Set a parameter of\n"
      "# the configuration group instead ('dbagentctl config apply'), which is read after this.\n",
      set.template_values));
  RETURN_IF_ERROR(
      add(kGroupFile,
          fmt::format(
              "# The user's configuration group, of configuration set {}. Written by dbagentd:\n"
              "# a change is lost. Change the group by 'dbagentctl config apply'.\n",
              number),
          set.group));
  RETURN_IF_ERROR(
      add(kSystemFile,
          "# What the agent, backups and logins need; read last, so that nothing\n"
          "# overrides it. Written by dbagentd from its own settings: a change is lost.\n",
          system));
  ASSIGN_OR_RETURN(const std::string entry, EntryText(number));
  rendered.layers.push_back({server_.layout.configuration.filename(), entry});
  rendered.entries.push_back({server_.layout.configuration.filename(), entry});
  return rendered;
}

// MariaDB passes over an include that it cannot read, and would start without its layer.
Status Layers::CheckReadable(std::uint64_t number) const {
  const std::string entry = server_.layout.configuration.filename();
  for (const std::string& file :
       {entry, std::string(kTemplateFile), std::string(kGroupFile), std::string(kSystemFile)}) {
    const Result<std::string> text = os::ReadFile(SetPath(number, file.c_str()));
    if (!text.ok()) {
      return Error(Code::kFailedPrecondition, "CONFIGURATION_REJECTED",
                   "unable to use configuration set '{}'", number)
          .WithCause(text.status());
    }
  }
  return Ok();
}

Status Layers::TryStart(const OpContext& ctx, std::uint64_t number) {
  RETURN_IF_ERROR(CheckReadable(number));
  os::ToolCall call;
  call.name = kTryStartTool;
  call.parameters = {{"set", std::to_string(number)}};
  ASSIGN_OR_RETURN(const auto child, server_.host.RunTool(call));
  ASSIGN_OR_RETURN(const os::ExitStatus exit, child->Wait(ctx.WithBudget(kTryBudget)));
  const std::string said = child->stderr_tail();
  // MariaDB goes on without an engine whose options are wrong
  if (exit.success() && !IsErrorLine(said)) return Ok();
  return Error(Code::kFailedPrecondition, "CONFIGURATION_REJECTED",
               "unable to use configuration set '{}': the server refuses it: {}", number,
               ErrorLines(said));
}

}  // namespace

std::unique_ptr<ConfigurationLayers> MakeConfigurationLayers(Server& server) {
  return std::make_unique<Layers>(server);
}

}  // namespace dbagent::datastore::mysql
