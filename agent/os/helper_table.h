#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/os/instance_host.h"

namespace dbagent::os {

// All that dbagent-helper may do, as root-owned text: `dbagentd --write-tool-table` makes it from
// the settings and the driver, and the agent makes the same in memory, to see that the helper has
// no other.
//
// A line is `KEY VALUE`; in a value `\n` stands for a line's end and `\\` for a backslash.
// `instance` begins one, `tool` a tool and `server` the server's own program; what follows belongs
// to it.
struct HelperTable {
  struct Instance {
    Path volume, runtime_directory;
    ToolTable table;
  };
  std::string agent_user, server_user;
  std::string unit;      // of systemd's; empty: the helper runs the server itself
  int scratch_nice = 0;  // of the scratch instance
  Instance main, scratch;
};

// Without the tools that the agent runs itself.
std::string FormatHelperTable(const HelperTable& table);
// TABLE_INVALID, with the line.
Result<HelperTable> ParseHelperTable(const std::string& text);
// Short, another for another text. No protection against one who wants two that are alike.
std::string HelperTableVersion(const std::string& text);

}  // namespace dbagent::os
