#pragma once

#include <map>
#include <string>

#include "agent/base/result.h"

namespace dbagent::ctl {

using Group = std::map<std::string, std::string>;

// A configuration group as people write it: `name = value`, a line each; `#` and `;` begin
// comments; a value with blanks at its ends or a `#` in it stands in quotes, single or double,
// doubled inside. USAGE with the line's number: no `=`, a name twice, a quote without its end.
Result<Group> ParseGroup(const std::string& text);
// The file's; `-` is standard input.
Result<Group> ReadGroupFile(const std::string& path);
// What ParseGroup reads back as the same.
std::string ShowGroup(const Group& group);

}  // namespace dbagent::ctl
