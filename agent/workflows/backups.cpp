#include "agent/workflows/backups.h"

#include <algorithm>

#include "agent/storage/open_store.h"
#include "agent/telemetry/log.h"
#include "agent/telemetry/metrics.h"
#include "agent/workflows/backup_metrics.h"
#include "agent/workflows/instance_record.h"
#include "agent/workflows/mutation.h"
#include "agent/workflows/paging.h"

namespace dbagent::workflows {
Backups::Backups(const Context& context, Configurations& configurations, backup::KeyRing keys)
    : context_(context),
      configurations_(configurations),
      keys_(std::move(keys)),
      budget_(context.settings.limits.stream_buffers) {
  TellEarlierBackups(context_.operations);
  scrape_ = telemetry::OnScrape([this] {
    telemetry::Metrics& metrics = telemetry::metrics();
    for (const auto& [use, budget] : {std::pair("data", &budget_), {"readers", &reading_budget_}}) {
      metrics.buffer_limit.Set(static_cast<double>(budget->total()), {use});
      metrics.buffer_used.Set(static_cast<double>(budget->used()), {use});
    }
  });
  for (const config::StoreSettings& store : context.settings.stores) {
    Result<std::unique_ptr<storage::ObjectStore>> opened = storage::OpenStore(store);
    if (opened.ok()) {
      stores_[store.name] = *std::move(opened);
    } else {  // settings that never went through the reader's check
      telemetry::LogError("store.unusable", "a store of the settings cannot be used",
                          opened.status(), {{"store", store.name}});
    }
  }
}

Result<datastore::LogicalBackup*> Backups::Engine() const {
  return Require(context_.datastore.logical_backup(), "logical_backup", context_.datastore);
}
Result<datastore::PhysicalBackup*> Backups::PhysicalEngine() const {
  return Require(context_.datastore.physical_backup(), "physical_backup", context_.datastore);
}
Result<datastore::DatabaseAdmin*> Backups::Databases() const {
  return Require(context_.datastore.databases(), "database_admin", context_.datastore);
}

void Backups::AddReport(const backup::ReadFlow& flow, operations::Running& running) {
  std::string report = flow.Report();
  if (!report.empty()) running.AddNote(std::move(report));
}

Result<unsigned> AtATime(std::uint32_t asked) {
  constexpr unsigned kMost = 16;
  if (asked == 0) return kDefaultAtATime;
  if (asked <= kMost) return static_cast<unsigned>(asked);
  return Error(Code::kInvalidArgument, "VALUE_INVALID", "parallel is {}, 1 to {} are allowed",
               asked, kMost);
}

Result<Backups::Place> Backups::Find(const std::string& store, const std::string& instance) const {
  const std::string& name = store.empty() ? context_.settings.default_store : store;
  const auto found = stores_.find(name);
  if (found == stores_.end()) {
    std::string known;
    for (const auto& entry : stores_) known += (known.empty() ? "" : ", ") + entry.first;
    return Error(Code::kNotFound, "STORE_NOT_FOUND", "{}",
                 store.empty() ? "no store is named, and the settings have no default one"
                               : fmt::format("no store '{}'", store))
        .WithHint(known.empty() ? "define one under 'stores' in the agent's settings"
                                : "stores of the settings: " + known);
  }
  ASSIGN_OR_RETURN(const std::string whose, InstanceFor(instance));
  return Place{name, found->second, whose};
}

Result<std::string> Backups::InstanceFor(const std::string& asked) const {
  if (!asked.empty()) {
    if (IsUuid(asked)) return asked;
    return Error(Code::kInvalidArgument, "VALUE_INVALID", "'{}' is no instance's id", asked)
        .WithHint("`dbagentctl instance get` of that instance shows it");
  }
  ASSIGN_OR_RETURN(const std::optional<InstanceRecord> record, ReadInstanceRecord(context_.volume));
  if (!record) return RequirePrepared(context_.volume);
  return record->id;
}

v1::Backup ToProto(const internal::Manifest& manifest, const std::string& store) {
  v1::Backup out;
  out.set_id(manifest.id());
  out.set_store(store);
  out.set_instance_id(manifest.instance_id());
  out.set_datastore(manifest.datastore());
  out.set_product(manifest.product());
  out.set_server_version(manifest.server_version());
  out.set_method(manifest.method());
  *out.mutable_start_time() = manifest.start_time();
  *out.mutable_end_time() = manifest.end_time();
  out.set_seconds(std::chrono::duration<double>(FromTimestamp(manifest.end_time()) -
                                                FromTimestamp(manifest.start_time()))
                      .count());
  out.set_encrypted(manifest.has_encryption());
  for (const internal::StageReport& stage : manifest.stages()) {
    v1::StageFigures& shown = *out.add_stages();
    shown.set_name(stage.name());
    shown.set_threads(stage.threads());
    shown.set_bytes(stage.bytes());
    shown.set_busy_seconds(stage.busy_seconds());
    shown.set_waited_seconds(stage.waited_seconds());
  }
  out.set_bottleneck(manifest.bottleneck());
  for (const internal::Stream& stream : manifest.streams()) {
    v1::BackupStream& shown = *out.add_streams();
    shown.set_name(stream.name());
    shown.set_database(stream.database().name());
    shown.set_source_bytes(stream.source_bytes());
    shown.set_stored_bytes(stream.stored_bytes());
    shown.set_chunks(stream.chunks());
    out.set_source_bytes(out.source_bytes() + stream.source_bytes());
    out.set_stored_bytes(out.stored_bytes() + stream.stored_bytes());
  }
  return out;
}

Result<v1::Backup> Backups::Get(const Call& call, const v1::GetBackupRequest& request) {
  ASSIGN_OR_RETURN(const Place place, FindFor(request, request.instance_id()));
  ASSIGN_OR_RETURN(
      const internal::Manifest manifest,
      backup::Repository(*place.store, place.instance).ReadManifest(call.Reading(), request.id()));
  return Show(call.Reading(), place, manifest);
}

Result<v1::ListBackupsResponse> Backups::List(const Call& call,
                                              const v1::ListBackupsRequest& request) {
  ASSIGN_OR_RETURN(const Place place, FindFor(request, request.instance_id()));
  const std::string list = "backups/" + place.name + "/" + place.instance;
  ASSIGN_OR_RETURN(const PageAsked page, ReadPage(context_.operations, request.page(), list));
  backup::Repository repository(*place.store, place.instance);
  ASSIGN_OR_RETURN(std::vector<std::string> ids, repository.List(call.Reading()));
  if (page.after)
    std::erase_if(ids, [&](const std::string& id) { return id >= *page.after; });  // newest first
  v1::ListBackupsResponse response;
  if (ids.size() > page.limit) {
    ids.resize(page.limit);
    response.mutable_page()->set_next_page_token(
        MakePageToken(context_.operations, list, ids.back()));
  }
  for (const std::string& id : ids) {
    const Result<internal::Manifest> manifest = repository.ReadManifest(call.Reading(), id);
    if (manifest.ok()) {
      *response.add_backups() = Show(call.Reading(), place, *manifest);
    } else if (manifest.status().code() == Code::kDataLoss ||
               manifest.status().reason() == "PERMISSION_DENIED" ||
               manifest.status().reason() == "IO_ERROR") {
      v1::Backup& broken = *response.add_backups();  // shown, so that somebody acts
      broken.set_id(id);
      broken.set_store(place.name);
      ToProto(manifest.status(), *broken.mutable_error());
    } else if (manifest.status().reason() != "BACKUP_NOT_FOUND") {  // deleted meanwhile
      return manifest.status();
    }
  }
  return response;
}

Result<v1::Operation> Backups::Delete(const Call& call, const v1::DeleteBackupRequest& request) {
  const operations::Spec spec{"backup.delete",
                              {request.id()},
                              call.caller,
                              request.request_id(),
                              Serialise(WithoutCredentials(request))};
  const Result<operations::Record> earlier = context_.operations.FindRequest(spec);
  if (earlier.ok()) return ToProto(*earlier);
  if (earlier.status().code() != Code::kNotFound) return earlier.status();
  ASSIGN_OR_RETURN(const Place place, FindFor(request));
  backup::Repository repository(*place.store, place.instance);
  const Status found = repository.ReadManifest(call.Reading(), request.id()).status();
  if (!found.ok() && found.code() != Code::kDataLoss) return found;  // a broken one can be deleted
  return Begin(spec, place, [place, id = request.id()](operations::Running& running) -> Status {
    internal::BackupPlan plan;
    KeepPlace(place, plan);
    plan.set_backup_id(id);
    RETURN_IF_ERROR(running.SavePlan(Serialise(plan)));
    KillPoint("backup.delete.planned");
    running.SetBackupId(id);
    return OrphanIfRefused(
        running, place,
        backup::Repository(*place.store, place.instance).Remove(running.ctx(), id).status());
  });
}

void Backups::RegisterRecovery() {
  for (const char* kind : {"backup.create", "backup.create_verified"}) {
    context_.operations.OnRecover(
        kind, [this](operations::Running& running) { return RecoverCreate(running); });
  }
  // both repeat themselves: a caller who still wants them asks again
  context_.operations.OnRecover("backup.verify", NotFinished);
  context_.operations.OnRecover("backup.verify_restore", [this](operations::Running& running) {
    return RecoverVerifyRestore(running);
  });
  context_.operations.OnRecover("backup.sweep", NotFinished);
  context_.operations.OnRecover("backup.delete", [this](operations::Running& running) -> Status {
    if (running.plan().empty()) return NotBegun(running);
    ASSIGN_OR_RETURN(const auto plan, Parse<internal::BackupPlan>(running.plan()));
    ASSIGN_OR_RETURN(const Place place, PlaceOf(running, plan));
    return OrphanIfRefused(running, place,
                           backup::Repository(*place.store, place.instance)
                               .Remove(running.ctx(), plan.backup_id())
                               .status());
  });
  for (const char* kind : {"backup.restore", "backup.restore_users"}) {
    context_.operations.OnRecover(
        kind, [this](operations::Running& running) { return RecoverRestore(running); });
  }
  context_.operations.OnRecover("backup.restore_server", [this](operations::Running& running) {
    return RecoverRestoreServer(running);
  });
}

}  // namespace dbagent::workflows
