#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <string>

#include "agent/base/ids.h"
#include "agent/base/result.h"
#include "agent/operations/record.h"
#include "datastores/datastore.h"
#include "dbagent/v1/common.pb.h"
#include "dbagent/v1/database.pb.h"
#include "dbagent/v1/operation.pb.h"
#include "dbagent/v1/user.pb.h"

// Between the wire contract and the driver contract, both ways. What one side cannot say is an
// error (FIELD_UNSUPPORTED, VALUE_INVALID), never dropped.
namespace dbagent::workflows {

void ToTimestamp(WallTime time, google::protobuf::Timestamp& out);
WallTime FromTimestamp(const google::protobuf::Timestamp& time);

void ToProto(const Status& status, v1::Error& out);
Status FromProto(const v1::Error& error);
v1::Operation ToProto(const operations::Record& record);
operations::State FromProto(v1::OperationState state);

v1::Database ToProto(const datastore::DatabaseInfo& info);
datastore::DatabaseSpec ToSpec(const v1::Database& database);

// A MySQL account without a host is one from everywhere (`%`); `mysql` tells which datastore it is.
datastore::UserId ToId(const v1::UserName& name, bool mysql);
v1::UserName ToProto(const datastore::UserId& id);
v1::User ToProto(const datastore::UserInfo& info, bool mysql);
// FIELD_UNSUPPORTED when the account is of the other datastore.
Result<datastore::UserAttributes> ToAttributes(const v1::User& user, bool mysql);

v1::DatabaseGrant ToProto(const datastore::Grant& grant);
// VALUE_INVALID: no database, neither or both of set and privileges, an output-only field.
Result<datastore::Grant> ToGrant(const v1::DatabaseGrant& grant);

}  // namespace dbagent::workflows
