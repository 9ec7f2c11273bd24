#pragma once

#include "agent/workflows/context.h"
#include "dbagent/v1/database.pb.h"

namespace dbagent::workflows {

// DatabaseService (its comments in proto/dbagent/v1/database.proto are the contract). Threads: any;
// calls block.
class Databases {
 public:
  explicit Databases(const Context& context) : context_(context) {}
  void RegisterRecovery();

  Result<v1::CreateDatabasesResponse> Create(const Call& call,
                                             const v1::CreateDatabasesRequest& request);
  Result<v1::ListDatabasesResponse> List(const Call& call, const v1::ListDatabasesRequest& request);
  Result<v1::Database> Get(const Call& call, const v1::GetDatabaseRequest& request);
  Result<v1::Database> Update(const Call& call, const v1::UpdateDatabaseRequest& request);
  Result<v1::DeleteDatabasesResponse> Delete(const Call& call,
                                             const v1::DeleteDatabasesRequest& request);

  // The items of a create, one after the other; also a part of Prepare. `existed` tells which were
  // there before.
  Status CreateAll(const OpContext& ctx,
                   const google::protobuf::RepeatedPtrField<v1::Database>& databases,
                   const std::vector<bool>& existed, bool recovering,
                   v1::CreateDatabasesResponse& response);

 private:
  Result<datastore::DatabaseAdmin*> Admin() const;
  Status UpdateOne(const OpContext& ctx, const v1::UpdateDatabaseRequest& request,
                   v1::Database& response);
  Status DeleteAll(const OpContext& ctx, const v1::DeleteDatabasesRequest& request, bool recovering,
                   v1::DeleteDatabasesResponse& response);

  const Context& context_;
};

}  // namespace dbagent::workflows
