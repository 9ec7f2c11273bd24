#include "agent/workflows/databases.h"

#include "agent/workflows/mutation.h"
#include "agent/workflows/paging.h"

namespace dbagent::workflows {

Result<datastore::DatabaseAdmin*> Databases::Admin() const {
  return Require(context_.datastore.databases(), "database_admin", context_.datastore);
}

// ---- create
// ---------------------------------------------------------------------------------------------------------

namespace {

// Which names were there before; a name that cannot be asked for (reserved, invalid) was not.
Result<std::vector<bool>> WhichExist(
    const OpContext& ctx, datastore::DatabaseAdmin& admin,
    const google::protobuf::RepeatedPtrField<v1::Database>& databases) {
  std::vector<bool> existed;
  for (const v1::Database& database : databases) {
    const Result<datastore::DatabaseInfo> found = admin.Get(ctx, database.name());
    if (!found.ok() && found.status().code() == Code::kUnavailable) return found.status();
    existed.push_back(found.ok());
  }
  return existed;
}

}  // namespace

Status Databases::CreateAll(const OpContext& ctx,
                            const google::protobuf::RepeatedPtrField<v1::Database>& databases,
                            const std::vector<bool>& existed, bool recovering,
                            v1::CreateDatabasesResponse& response) {
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin, Admin());
  for (int i = 0; i < databases.size(); ++i) {
    const datastore::DatabaseSpec spec = ToSpec(databases[i]);
    Result<datastore::DatabaseInfo> made = [&]() -> Result<datastore::DatabaseInfo> {
      RETURN_IF_ERROR(ctx.Poll());
      RETURN_IF_ERROR(admin->Check(spec));
      if (recovering && !existed[static_cast<std::size_t>(i)]) {
        // made by the life that was killed, before it could say so
        Result<datastore::DatabaseInfo> there = admin->Get(ctx, spec.name);
        if (there.ok() || there.status().reason() != "DATABASE_NOT_FOUND") return there;
      }
      return admin->Create(ctx, spec);
    }();
    v1::CreateDatabasesResponse::Item& item = *response.add_items();
    item.set_name(spec.name);
    RETURN_IF_ERROR(ItemOutcome(made.status(), i == 0, recovering));
    if (made.ok()) {
      *item.mutable_database() = ToProto(*made);
    } else {
      ToProto(made.status(), *item.mutable_error());
    }
    KillPoint("database.create.item");
  }
  return Ok();
}

Result<v1::CreateDatabasesResponse> Databases::Create(const Call& call,
                                                      const v1::CreateDatabasesRequest& request) {
  RETURN_IF_ERROR(CheckBatch(request.databases_size(), "databases"));
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin, Admin());
  std::vector<std::string> names;
  for (const v1::Database& database : request.databases()) names.push_back(database.name());
  return RunMutation<v1::CreateDatabasesRequest, v1::CreateDatabasesResponse>(
      context_, call, "database.create", names, request,
      [&](operations::Running& running, v1::CreateDatabasesResponse& response) -> Status {
        ASSIGN_OR_RETURN(const std::vector<bool> existed,
                         WhichExist(running.ctx(), *admin, request.databases()));
        RETURN_IF_ERROR(SaveMutationPlan(running, request, existed));
        return CreateAll(running.ctx(), request.databases(), existed, false, response);
      });
}

// ---- list, get
// ------------------------------------------------------------------------------------------------------

Result<v1::ListDatabasesResponse> Databases::List(const Call& call,
                                                  const v1::ListDatabasesRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin, Admin());
  ASSIGN_OR_RETURN(PageAsked asked, ReadPage(context_.operations, request.page(), "databases"));
  ASSIGN_OR_RETURN(
      const datastore::Page<datastore::DatabaseInfo> page,
      admin->List(call.Reading(), {asked.limit, std::move(asked.after)}, request.with_size()));
  v1::ListDatabasesResponse response;
  for (const datastore::DatabaseInfo& info : page.items) *response.add_databases() = ToProto(info);
  if (page.more && !page.items.empty()) {
    response.mutable_page()->set_next_page_token(
        MakePageToken(context_.operations, "databases", page.items.back().name));
  }
  return response;
}

Result<v1::Database> Databases::Get(const Call& call, const v1::GetDatabaseRequest& request) {
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin, Admin());
  ASSIGN_OR_RETURN(const datastore::DatabaseInfo info, admin->Get(call.Reading(), request.name()));
  return ToProto(info);
}

// ---- update
// ---------------------------------------------------------------------------------------------------------

Status Databases::UpdateOne(const OpContext& ctx, const v1::UpdateDatabaseRequest& request,
                            v1::Database& response) {
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin, Admin());
  datastore::DatabaseChange change;
  const v1::Database& database = request.database();
  change.name = database.name();
  for (const std::string& field : request.update_mask().paths()) {
    if (field == "character_set") {
      change.character_set = database.character_set();
    } else if (field == "collation") {
      change.collation = database.collation();
    } else if (field == "owner") {
      change.owner = database.owner();
    } else if (field == "connection_limit") {
      change.connection_limit = database.has_connection_limit() ? database.connection_limit() : -1;
    } else {
      return Error(Code::kInvalidArgument, "UPDATE_MASK_INVALID",
                   "unable to update database '{}': '{}' cannot be changed", database.name(), field)
          .WithHint("update_mask may name character_set, collation, owner, connection_limit");
    }
  }
  ASSIGN_OR_RETURN(const datastore::DatabaseInfo info, admin->Update(ctx, change));
  response = ToProto(info);
  return Ok();
}

Result<v1::Database> Databases::Update(const Call& call, const v1::UpdateDatabaseRequest& request) {
  if (request.update_mask().paths().empty()) {
    return Error(Code::kInvalidArgument, "UPDATE_MASK_INVALID",
                 "unable to update database '{}': update_mask is empty", request.database().name())
        .WithHint("name the fields to change");
  }
  return RunMutation<v1::UpdateDatabaseRequest, v1::Database>(
      context_, call, "database.update", {request.database().name()}, request,
      [&](operations::Running& running, v1::Database& response) -> Status {
        RETURN_IF_ERROR(SaveMutationPlan(running, request));
        RETURN_IF_ERROR(UpdateOne(running.ctx(), request, response));
        KillPoint("database.update.item");
        return Ok();
      });
}

// ---- delete
// ---------------------------------------------------------------------------------------------------------

Status Databases::DeleteAll(const OpContext& ctx, const v1::DeleteDatabasesRequest& request,
                            bool recovering, v1::DeleteDatabasesResponse& response) {
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin, Admin());
  for (int i = 0; i < request.names_size(); ++i) {
    const Result<bool> dropped = [&]() -> Result<bool> {
      RETURN_IF_ERROR(ctx.Poll());
      return admin->Drop(ctx, request.names(i));
    }();
    v1::DeleteDatabasesResponse::Item& item = *response.add_items();
    item.set_name(request.names(i));
    RETURN_IF_ERROR(ItemOutcome(dropped.status(), i == 0, recovering));
    if (dropped.ok()) {
      item.set_existed(*dropped);
    } else {
      ToProto(dropped.status(), *item.mutable_error());
    }
    KillPoint("database.delete.item");
  }
  return Ok();
}

Result<v1::DeleteDatabasesResponse> Databases::Delete(const Call& call,
                                                      const v1::DeleteDatabasesRequest& request) {
  RETURN_IF_ERROR(CheckBatch(request.names_size(), "names"));
  return RunMutation<v1::DeleteDatabasesRequest, v1::DeleteDatabasesResponse>(
      context_, call, "database.delete", {request.names().begin(), request.names().end()}, request,
      [&](operations::Running& running, v1::DeleteDatabasesResponse& response) -> Status {
        RETURN_IF_ERROR(SaveMutationPlan(running, request));
        return DeleteAll(running.ctx(), request, false, response);
      });
}

// ---- recovery: all three say in the journal what is wanted, so they are finished
// -------------------------------------

void Databases::RegisterRecovery() {
  OnRecoverRequest<v1::CreateDatabasesRequest>(
      context_.operations, "database.create",
      [this](operations::Running& running, const internal::MutationPlan& plan,
             const v1::CreateDatabasesRequest& request) -> Status {
        v1::CreateDatabasesResponse response;
        RETURN_IF_ERROR(CreateAll(running.ctx(), request.databases(),
                                  {plan.existed().begin(), plan.existed().end()}, true, response));
        running.SetResult(Serialise(response));
        return Ok();
      });
  OnRecoverRequest<v1::UpdateDatabaseRequest>(
      context_.operations, "database.update",
      [this](operations::Running& running, const internal::MutationPlan&,
             const v1::UpdateDatabaseRequest& request) -> Status {
        v1::Database response;
        RETURN_IF_ERROR(UpdateOne(running.ctx(), request, response));
        running.SetResult(Serialise(response));
        return Ok();
      });
  OnRecoverRequest<v1::DeleteDatabasesRequest>(
      context_.operations, "database.delete",
      [this](operations::Running& running, const internal::MutationPlan&,
             const v1::DeleteDatabasesRequest& request) -> Status {
        v1::DeleteDatabasesResponse response;
        RETURN_IF_ERROR(DeleteAll(running.ctx(), request, true, response));
        running.SetResult(Serialise(response));
        return Ok();
      });
}

}  // namespace dbagent::workflows
