#pragma once

#include <string>

#include "dbagent/v1/configuration.pb.h"

// How `dbagentctl config` shows parameters, values with units as people write them.
namespace dbagent::ctl {

std::string ParameterTable(const google::protobuf::RepeatedPtrField<v1::Parameter>& parameters);
std::string ParameterDetails(const v1::Parameter& parameter);
// Empty when there are none.
std::string ChangeTable(const google::protobuf::RepeatedPtrField<v1::ParameterChange>& changes);
std::string DriftText(const google::protobuf::RepeatedPtrField<v1::Drift>& drift);
std::string RevisionTable(const google::protobuf::RepeatedPtrField<v1::Revision>& revisions);
std::string RevisionDetails(const v1::Revision& revision);
std::string ConfigurationText(const v1::Configuration& configuration);

}  // namespace dbagent::ctl
