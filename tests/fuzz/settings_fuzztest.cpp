#include <string>

#include "agent/config/settings.h"
#include "tests/fuzz/fuzz_target.h"

using namespace dbagent;

// Whatever stands in the file: settings, or problems that can be shown.
void Try(std::string_view input) {
  const config::Parsed parsed = config::ParseSettings(std::string(input));
  for (const config::Problem& problem : parsed.problems) {
    Require(!problem.message.empty(), "a problem says what is wrong");
    Require(problem.line >= 0 && problem.column >= 0, "a problem stands somewhere");
  }
  if (!parsed.problems.empty())
    Require(!config::FormatProblems("settings.yaml", parsed.problems).empty(),
            "problems are shown");
}
