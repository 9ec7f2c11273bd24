#include <string>

#include "agent/base/redact.h"
#include "agent/base/secret.h"
#include "tests/fuzz/fuzz_target.h"

using namespace dbagent;

// The first sixteen bytes are a secret that the rest may hold: it never comes through.
void Try(std::string_view input) {
  if (input.size() < 17) {
    (void)Redact(input);
    return;
  }
  // one that shares characters with the mask could arise anew beside it
  if (input.substr(0, 16).find_first_of("[secrt]") != std::string_view::npos) return;
  const Secret secret{std::string(input.substr(0, 16))};
  const std::string_view value = secret.Reveal();
  const std::string text = std::string(input.substr(16)) + std::string(value) + " end";
  const std::string shown = Redact(text);
  Require(shown.find(value) == std::string::npos, "a living secret is filtered out");
}
