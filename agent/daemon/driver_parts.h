#pragma once

#include <memory>
#include <string>

#include "agent/config/settings.h"
#include "agent/os/helper_table.h"
#include "agent/os/instance_host.h"
#include "datastores/datastore.h"

namespace dbagent::daemon {

// From the settings to the driver and the hosts that its tools run on.
struct DriverParts {
  std::unique_ptr<datastore::Driver> driver;
  datastore::ServerSettings server;
  datastore::DatastoreInfo info;

  // In process in mode direct, else a client of dbagent-helper.
  std::unique_ptr<os::InstanceHost> MakeHost(const config::Settings& settings, bool scratch) const;
  // What dbagent-helper may do (`--write-tool-table`), in mode separate.
  os::HelperTable TableFor(const config::Settings& settings) const;
};

// `user`: whom the agent runs as. Loads the driver's module and asks the server's programs for
// their version.
Result<DriverParts> OpenDriver(const config::Settings& settings, const std::string& user);

// The OS user of this process. NO_OS_USER.
Result<std::string> OwnUserName();

}  // namespace dbagent::daemon
