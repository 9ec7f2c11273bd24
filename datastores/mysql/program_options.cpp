#include "datastores/mysql/program_options.h"

#include "agent/stream/tool_stream.h"
#include "datastores/mysql/parameter_names.h"
#include "datastores/mysql/words.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr auto kBudget = std::chrono::seconds(30);
constexpr std::size_t kMostText = 4U << 20U;

class HelpSink : public stream::Sink {
 public:
  Status Write(const OpContext&, Bytes data) override {
    if (text.size() + data.size() > kMostText) {
      return Error(Code::kInternal, "TOOL_FAILED",
                   "unable to read the server's options: it prints too much");
    }
    for (const std::byte byte : data) text += static_cast<char>(byte);
    return Ok();
  }
  std::string text;
};

}  // namespace

ProgramOptions ParseProgramOptions(const Dialect& dialect, std::string_view help) {
  ProgramOptions options;
  std::size_t at = help.find("\nVariables (--variable-name=value)");
  if (at == std::string_view::npos) return options;
  at = help.find("\n---", at);  // the table's head
  help.remove_prefix(std::min(help.size(), at));
  bool head = true;
  for (const std::string& line : SplitAt(help.substr(help.find_first_not_of('\n')), '\n')) {
    if (line.empty()) break;
    if (std::exchange(head, false)) continue;
    const std::size_t space = line.find(' ');
    std::string name = Lower(line.substr(0, space));
    for (char& c : name) c = c == '-' ? '_' : c;
    const std::string value(
        space == std::string::npos ? "" : Trim(std::string_view(line).substr(space)));
    options[dialect.ParameterOf(name)] =
        value == "(No default value)" ? std::nullopt : std::optional(value);
  }
  return options;
}

Result<ProgramOptions> ReadProgramOptions(Server& server, const OpContext& ctx) {
  HelpSink sink;
  RETURN_IF_ERROR(stream::DrainTool(ctx.WithBudget(kBudget), server.host,
                                    {kOptionsTool, {}, -1, -1, {}}, sink));
  ProgramOptions options = ParseProgramOptions(server.dialect, sink.text);
  if (options.empty()) {
    return Error(Code::kInternal, "TOOL_FAILED",
                 "unable to read the server's options: it prints no table of them");
  }
  return options;
}

}  // namespace dbagent::datastore::mysql
