#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/ids.h"
#include "agent/base/op_context.h"
#include "agent/base/result.h"

// The part of the driver contract that is about the server's parameters (design section 10): what
// they are, as the running server says (SettingsAdmin), and the files that it reads them from
// (ConfigurationLayers). The general promises are datastore.h's.
//
// Names and values in these structs are canonical: a name is spelt as the server describes it, a
// value as CanonicalValue writes it, so that two are the same exactly when their texts are.
namespace dbagent::datastore {

using Values = std::map<std::string, std::string>;  // canonical name → canonical value

// What the server may have of the machine.
struct Flavor {
  std::uint64_t memory_bytes = 0;  // in all: buffers, connections, workers
  std::uint32_t cores = 1;
};

// Everything that the files of one set are made from. Later layers win: template, group, system.
struct ConfigurationSet {
  Flavor flavor;
  std::uint32_t server_id = 0;                // MySQL's; stays with the instance
  std::vector<std::string> allowed_networks;  // CIDR, from where users may log in
  Values template_values;                     // as Template made them
  Values group;                               // the user's
};

// ---- what there is
// ----------------------------------------------------------------------------------------

enum class ParameterType : std::uint8_t { kBoolean, kInteger, kReal, kString, kEnum, kSet };

enum class ParameterAccess : std::uint8_t {
  kUser,       // a group may set it
  kSystem,     // the agent sets it, or will: directories, sockets, backups, replication, TLS
  kForbidden,  // it runs programs, loads libraries, moves files, weakens authentication, risks data
               // or breaks the agent's own access
  kReadOnly,   // it only tells something; no configuration can set it
};

// Where the value that is in force came from, as the server says.
enum class ParameterOrigin : std::uint8_t {
  kDefault,      // compiled in, or worked out by the server
  kFile,         // of a configuration file: `origin_detail` is its path
  kCommandLine,  // of how the agent starts the server
  kRuntime,      // by a statement on the running server (SET GLOBAL), the agent's own too
  kPersisted,    // by a statement that outlives a restart (ALTER SYSTEM, SET PERSIST)
};

struct Parameter {
  std::string name;
  ParameterType type = ParameterType::kString;
  // What a number counts: `B`, `kB`, `8kB`, `MB`, `us`, `ms`, `s`, `min`; empty when it is a plain
  // number or the server does not say.
  std::string unit;
  std::string minimum, maximum;      // canonical; empty: none that the server names
  std::vector<std::string> choices;  // of an enum or set; empty: the server does not list them
  std::optional<std::string> default_value;  // none: the server does not say
  std::string value;                         // in force for new sessions
  ParameterOrigin origin = ParameterOrigin::kDefault;
  std::string origin_detail;      // path, or who set it; may be empty
  bool restart_required = false;  // it cannot be changed while the server runs
  bool pending_restart = false;   // the server says that its file has another value by now
  ParameterAccess access = ParameterAccess::kUser;
  std::string access_reason;  // why not, for people: `it names a program that the server runs`
  std::string description;    // the server's own words
};

struct Description {
  std::string server_version;
  WallTime server_started;
  std::vector<Parameter> parameters;  // bytewise by name
};

// By its canonical name; nullptr: there is none.
const Parameter* FindParameter(const Description& description, const std::string& name);

// What is wrong with one parameter of a group.
struct Violation {
  std::string parameter;
  std::string reason;   // PARAMETER_UNKNOWN, PARAMETER_SYSTEM, PARAMETER_FORBIDDEN,
                        // PARAMETER_READ_ONLY, PARAMETER_DUPLICATE, VALUE_INVALID,
                        // VALUE_OUT_OF_RANGE, VALUE_FORBIDDEN, MEMORY_EXCEEDED
  std::string message;  // `is 5, allowed are 10 to 100000`: completes `parameter 'x' …`
};

struct LiveChange {
  std::string name;
  std::optional<std::string> value;  // none: back to the default
  // Somebody persisted a value beside the files (ALTER SYSTEM, SET PERSIST): take that away first.
  // Of a parameter that needs a restart that is all that is done.
  bool clear_persisted = false;
};

class SettingsAdmin {
 public:
  virtual ~SettingsAdmin() = default;

  // All parameters, from the running server.
  virtual Result<Description> Describe(const OpContext& ctx) = 0;

  // The canonical name of a parameter as a person may spell it: other case, dashes for underscores
  // and what else the server takes for the same (`loose_`, `skip-`, …: the parameter that would be
  // meant, so that no spelling passes a refusal by). Pure; what is no parameter comes back changed
  // in nothing but its case and dashes.
  virtual std::string CanonicalName(const std::string& written) const = 0;
  // The canonical value: units (`2GB`, `30s`), `on`/`1`/`true`, case of an enum's words. Checks
  // type, range and choices as described. VALUE_INVALID, VALUE_OUT_OF_RANGE (INVALID_ARGUMENT;
  // their message completes `parameter 'x' …`). Pure.
  virtual Result<std::string> CanonicalValue(const Parameter& parameter,
                                             const std::string& written) const = 0;
  // What is wrong with a set whose names and values are canonical and each fine by itself: items of
  // lists, values that would shut out the agent, parameters that must fit each other, the sum of
  // memory against the flavor's (MEMORY_EXCEEDED, with the sum's parts), what the running server
  // says of values that it can try without taking them. Without a running server what needs one is
  // left out; TryStart and the way back remain. All of it at once.
  virtual Result<std::vector<Violation>> Check(const OpContext& ctx, const Description& description,
                                               const ConfigurationSet& set) = 0;
  // Brings the running server to values that need no restart; the files that hold them are selected
  // already. Answers the values read back, canonical (a server may round). A server that works on
  // one (InnoDB's buffer pool) is awaited within ctx. SETTING_REFUSED (FAILED_PRECONDITION, with
  // the server's words): then some may be changed, the caller sets all of them back.
  virtual Result<Values> SetLive(const OpContext& ctx, const std::vector<LiveChange>& changes) = 0;
};

// ---- the files
// --------------------------------------------------------------------------------------------

// A file of a set. Sets lie in <volume>/config/sets/<number>/; the server enters by the entry file
// in <volume>/config/, which includes the files of one set: writing it selects that set,
// atomically.
struct ConfigurationFile {
  std::string name;  // `20-group.cnf`
  std::string text;
};

struct RenderedSet {
  std::vector<ConfigurationFile> layers;  // in sets/<number>/
  // In config/, replaced when the set is selected, in this order; the last one is the entry file.
  std::vector<ConfigurationFile> entries;
};

// Pure, but for TryStart.
class ConfigurationLayers {
 public:
  virtual ~ConfigurationLayers() = default;

  // The sizes that fit a flavor, by the budget that the driver's README documents: together never
  // more than its memory. At least 256 MiB of it.
  virtual Values Template(const Flavor& flavor) const = 0;
  // What the agent itself sets, whatever a group says. CONFIGURATION_INVALID (a network or address
  // that is none).
  virtual Result<Values> System(const ConfigurationSet& set) const = 0;
  // The texts, each with a header that says who owns it. CONFIGURATION_INVALID as System.
  virtual Result<RenderedSet> Render(const ConfigurationSet& set, std::uint64_t number) const = 0;
  // Has the server's program read the written files of a set, entry file included (a copy of it
  // lies among the layers), without starting: nothing is touched, another server may run.
  // CONFIGURATION_REJECTED (FAILED_PRECONDITION) with the server's own lines.
  virtual Status TryStart(const OpContext& ctx, std::uint64_t number) = 0;
};

}  // namespace dbagent::datastore
