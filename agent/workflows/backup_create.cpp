#include <algorithm>
#include <set>

#include "agent/backup/chunk_writer.h"
#include "agent/backup/layout.h"
#include "agent/telemetry/log.h"
#include "agent/workflows/backups.h"
#include "agent/workflows/mutation.h"

namespace dbagent::workflows {
namespace {

constexpr std::chrono::minutes kUndoBudget{5};
constexpr std::uint32_t kDefaultLevel = 1, kHighestLevel = 19;
constexpr std::size_t kPageOfAll = 1000;

// Shows bytes as they are read from the dump.
class CountingSink : public stream::Sink {
 public:
  explicit CountingSink(stream::Sink& inner) : inner_(inner) {}
  Status Write(const OpContext& ctx, Bytes data) override {
    RETURN_IF_ERROR(inner_.Write(ctx, data));
    ctx.AddBytes(data.size());
    return Ok();
  }

 private:
  stream::Sink& inner_;
};

void Describe(const datastore::DatabaseInfo& info, internal::Database& out) {
  out.set_name(info.name);
  out.set_character_set(info.character_set);
  out.set_collation(info.collation);
  out.set_ctype(info.ctype);
  out.set_owner(info.owner);
  if (info.connection_limit) out.set_connection_limit(*info.connection_limit);
}

}  // namespace

// The named ones, each looked up; or all users' databases.
Result<std::vector<std::string>> Backups::WantedDatabases(
    const OpContext& ctx, const v1::CreateBackupRequest& request) const {
  ASSIGN_OR_RETURN(datastore::DatabaseAdmin* const admin, Databases());
  std::vector<std::string> names;
  if (request.databases_size() > 0) {
    for (const std::string& name : request.databases()) {
      RETURN_IF_ERROR(admin->Get(ctx, name).status());
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
  }
  datastore::PageRequest<std::string> asked{kPageOfAll, {}};
  for (;;) {
    ASSIGN_OR_RETURN(const datastore::Page<datastore::DatabaseInfo> page,
                     admin->List(ctx, asked, false));
    for (const datastore::DatabaseInfo& info : page.items) names.push_back(info.name);
    if (!page.more || page.items.empty()) return names;
    asked.start_after = page.items.back().name;
  }
}

Status Backups::DumpStream(const OpContext& ctx, const Place& place, const std::string& backup,
                           std::uint64_t number, const std::string& database, int level,
                           internal::Stream& stream) {
  ASSIGN_OR_RETURN(datastore::LogicalBackup* const engine, Engine());
  backup::Repository repository(*place.store, place.instance);
  backup::ChunkWriter writer(ctx, *place.store, budget_,
                             {repository.Folder(backup), number, level, 2});
  CountingSink sink(writer);
  ASSIGN_OR_RETURN(const datastore::DumpFacts facts, engine->Dump(ctx, database, sink));
  ASSIGN_OR_RETURN(const std::vector<internal::Chunk> chunks, writer.Finish(ctx));
  KillPoint("backup.stream_dumped");
  stream.set_name(backup::StreamNameOfDatabase(database));
  stream.set_tool(facts.tool);
  Describe(facts.database, *stream.mutable_database());
  return repository.WriteIndexes(ctx, backup, number, chunks, stream);
}

Status Backups::RunCreate(operations::Running& running, const Place& place,
                          const v1::CreateBackupRequest& request) {
  const OpContext& ctx = running.ctx();
  internal::BackupPlan plan;
  plan.set_store(place.name);
  plan.set_backup_id(NewId());
  RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
  running.SetBackupId(plan.backup_id());
  KillPoint("backup.planned");

  internal::Manifest manifest;
  manifest.set_format(backup::kFormat);
  manifest.set_id(plan.backup_id());
  manifest.set_instance_id(place.instance);
  manifest.set_datastore(context_.datastore.info().kind);
  manifest.set_product(context_.datastore.info().product);
  manifest.set_server_version(context_.datastore.CheckHealth().server_version);
  manifest.set_method("logical");
  ToTimestamp(std::chrono::system_clock::now(), *manifest.mutable_start_time());
  ASSIGN_OR_RETURN(const std::vector<std::string> databases, WantedDatabases(ctx, request));
  const int level = static_cast<int>(
      request.compression_level() == 0 ? kDefaultLevel : request.compression_level());
  for (std::size_t i = 0; i < databases.size(); ++i) {
    ctx.BeginStep("dump", 95.0 / static_cast<double>(databases.size()));
    ctx.Say(fmt::format("database {} of {}: {}", i + 1, databases.size(), databases[i]));
    RETURN_IF_ERROR(
        DumpStream(ctx, place, plan.backup_id(), i, databases[i], level, *manifest.add_streams())
            .Wrap(fmt::format("unable to back up database '{}'", databases[i])));
  }
  ctx.BeginStep("manifest", 5);
  RETURN_IF_ERROR(ctx.Poll());  // the last moment at which a cancel is heard
  ToTimestamp(std::chrono::system_clock::now(), *manifest.mutable_end_time());
  KillPoint("backup.before_manifest");
  RETURN_IF_ERROR(backup::Repository(*place.store, place.instance).WriteManifest(ctx, manifest));
  KillPoint("backup.manifest_written");
  return Ok();
}

Result<v1::Operation> Backups::Create(const Call& call, const v1::CreateBackupRequest& request) {
  if (request.compression_level() > kHighestLevel) {
    return Error(Code::kInvalidArgument, "VALUE_INVALID",
                 "compression_level is {}, 1 to {} are allowed", request.compression_level(),
                 kHighestLevel);
  }
  RETURN_IF_ERROR(RequirePrepared(context_.volume));
  RETURN_IF_ERROR(Engine().status());
  ASSIGN_OR_RETURN(const Place place, Find(request.store()));
  RETURN_IF_ERROR(WantedDatabases(call.Reading(), request).status());
  std::vector<std::string> targets(request.databases().begin(), request.databases().end());
  if (targets.empty()) targets.emplace_back("*");
  ASSIGN_OR_RETURN(
      const operations::Record record,
      context_.operations.Submit(
          {"backup.create", targets, call.caller, request.request_id(), Serialise(request)},
          [this, place, request](operations::Running& running) -> Status {
            const Status made = RunCreate(running, place, request);
            if (made.ok() || running.plan().empty()) return made;
            ASSIGN_OR_RETURN(const auto plan, Parse<internal::BackupPlan>(running.plan()));
            const OpContext cleanup = running.ctx().ForCleanup(kUndoBudget);
            const Status undone =
                backup::Repository(*place.store, place.instance).Remove(cleanup, plan.backup_id());
            if (undone.ok()) return made;
            telemetry::LogError("backup.undo_failed",
                                "what a failed backup left could not be removed", undone,
                                {{"backup", plan.backup_id()}, {"store", place.name}});
            running.AddNote("what it had stored could not be removed: " + undone.FullMessage());
            return made;
          }));
  return ToProto(record);
}

}  // namespace dbagent::workflows
