#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/workflows/parameters.h"
#include "datastores/configuration_sets.h"

// What others than the agent changed. Pure; threads: any.
namespace dbagent::workflows {

// What the agent knows of its own doing.
struct OwnValues {
  EffectiveValues layers;  // of the selected revision
  datastore::Values live;  // what it set on this life of the server, as read back
  os::Path files;          // its files lie below
};

// Where a parameter's value in force comes from, as far as the agent's layers tell.
v1::ParameterSource SourceOf(const datastore::Parameter& parameter, const OwnValues& own);

std::vector<v1::Drift> DriftOfParameters(const datastore::Description& description,
                                         const OwnValues& own);
std::vector<v1::Drift> DriftOfFiles(const std::vector<datastore::ChangedFile>& files);

}  // namespace dbagent::workflows
