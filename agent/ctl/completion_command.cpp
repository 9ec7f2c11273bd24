#include <cstdio>

#include "agent/ctl/session.h"

// `dbagentctl completion bash` prints a script made from the commands as they are declared, so it
// cannot fall behind.
namespace dbagent::ctl {
namespace {

std::string Words(const CLI::App& command) {
  std::string words;
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; }))
    words += sub->get_name() + " ";
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  }
  return words;
}

// One `case` line per command path: `dbagentctl database create) words='…' ;;`
void AddCases(const CLI::App& command, const std::string& path, std::string& out) {
  out += "    '" + path + "') words='" + Words(command) + "' ;;\n";
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; }))
    AddCases(*sub, path + " " + sub->get_name(), out);
}

std::string BashScript(const CLI::App& app) {
  std::string cases;
  AddCases(app, "dbagentctl", cases);
  return "# bash completion of dbagentctl: source it, or put it into /etc/bash_completion.d\n"
         "_dbagentctl() {\n"
         "  local path=dbagentctl word words global='" +
         Words(app) +
         "'\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    [[ $word == [a-z]* ]] && path+=\" $word\"\n"
         "  done\n"
         "  while :; do\n"
         "    case $path in\n" +
         cases +
         "    *) path=${path% *}; continue ;;\n"
         "    esac\n"
         "    break\n"
         "  done\n"
         "  [[ ${COMP_WORDS[COMP_CWORD]} == -* ]] && words+=\" $global\"\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
         "}\n"
         "complete -F _dbagentctl dbagentctl\n";
}

}  // namespace

void AddCompletionCommand(CLI::App& app, Session& session) {
  CLI::App* completion = app.add_subcommand("completion", "print a shell completion script");
  auto shell = std::make_shared<std::string>("bash");
  completion->add_option("SHELL", *shell, "which shell")
      ->check(CLI::IsMember({"bash"}))
      ->capture_default_str();
  completion->callback([&app, &session, shell] {
    std::fputs(BashScript(app).c_str(), stdout);
    session.exit_code = kDone;
  });
}

}  // namespace dbagent::ctl
