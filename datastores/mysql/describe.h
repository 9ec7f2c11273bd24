#pragma once

#include <map>
#include <mutex>
#include <string>

#include "datastores/mysql/program_options.h"
#include "datastores/mysql/server.h"

namespace dbagent::datastore::mysql {

// What a variable has that only trying tells (MySQL), the same as long as the program is.
struct TriedVariable {
  bool read_only = false;
  std::vector<std::string> choices;  // of an enum that sessions have
};

// SettingsAdmin::Describe. Threads: any.
class Describer {
 public:
  explicit Describer(Server& server) : server_(server) {}
  Result<Description> Describe(const OpContext& ctx);

 private:
  Result<std::vector<Parameter>> Parameters(const OpContext& ctx, Connection& connection);
  Status LearnProgram(const OpContext& ctx);
  Status TryVariables(const OpContext& ctx, std::vector<Parameter>& parameters);
  void SetAccess(Parameter& parameter) const;
  WallTime StableStart(WallTime start);

  Server& server_;
  std::mutex mutex_;  // guards what follows, and is held while the server is asked
  ProgramOptions options_;
  std::map<std::string, TriedVariable> tried_;
  WallTime started_;
};

}  // namespace dbagent::datastore::mysql
