#include "agent/workflows/keys.h"

#include "agent/backup/layout.h"
#include "agent/base/kill_point.h"
#include "agent/workflows/mutation.h"
#include "agent/workflows/store_target.h"

namespace dbagent::workflows {

void Keys::RegisterRecovery() {
  context_.operations.OnRecover("keys.rotate", NotFinished);
}

v1::ListKeysResponse Keys::List() const {
  v1::ListKeysResponse response;
  const backup::KeyRing& ring = backups_.keys();
  for (const std::string& id : ring.ids()) {
    v1::Key& key = *response.add_keys();
    key.set_id(id);
    key.set_active(id == ring.active());
    key.set_fingerprint(ring.Fingerprint(id));
  }
  return response;
}

Result<v1::Operation> Keys::Rotate(const Call& call, const v1::RotateKeysRequest& request) {
  if (backups_.keys().empty()) {
    return Error(Code::kFailedPrecondition, "NO_KEYS", "unable to rotate keys: there are none")
        .WithHint("define them under 'encryption' in the agent's settings");
  }
  ASSIGN_OR_RETURN(const Backups::Place place, backups_.FindFor(request));
  std::vector<std::string> ids(request.backup_ids().begin(), request.backup_ids().end());
  backup::Repository repository(*place.store, place.instance);
  for (const std::string& id : ids)
    RETURN_IF_ERROR(repository.ReadManifest(call.Reading(), id).status());
  return backups_.Begin({"keys.rotate",
                         {},
                         call.caller,
                         request.request_id(),
                         Serialise(WithoutCredentials(request))},
                        place, [this, place, ids](operations::Running& running) {
                          return RunRotate(running, place, ids);
                        });
}

Status Keys::RunRotate(operations::Running& running, const Backups::Place& place,
                       std::vector<std::string> ids) const {
  const OpContext& ctx = running.ctx();
  ctx.BeginStep("rotate");
  if (ids.empty()) {
    ASSIGN_OR_RETURN(ids, backup::Repository(*place.store, place.instance).List(ctx));
  }
  std::size_t changed = 0, failed = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ctx.Say(fmt::format("backup {} of {}: {}", i + 1, ids.size(), ids[i]));
    const Result<bool> rotated = RotateOne(ctx, place, ids[i]);
    RETURN_IF_ERROR(ctx.Poll());
    if (rotated.ok()) {
      changed += *rotated ? 1 : 0;
      continue;
    }
    ++failed;
    running.AddNote(
        fmt::format("backup '{}' was left as it is: {}", ids[i], rotated.status().FullMessage()));
  }
  running.AddNote(fmt::format("{} of {} backups got a slot of key '{}'", changed, ids.size(),
                              backups_.keys().active()));
  if (failed == 0) return Ok();
  return Error(Code::kFailedPrecondition, "ROTATION_INCOMPLETE",
               "the keys of {} of {} backups could not be rotated", failed, ids.size())
      .WithHint("the operation's notes say which and why; keep the old keys until it ends well");
}

// The old slots go only after the new one was read back and opened.
Result<bool> Keys::RotateOne(const OpContext& ctx, const Backups::Place& place,
                             const std::string& id) const {
  const backup::KeyRing& ring = backups_.keys();
  backup::Repository repository(*place.store, place.instance);
  const std::string folder = repository.Folder(id);
  ASSIGN_OR_RETURN(const backup::OpenedBackup opened, repository.Open(ctx, id, ring));
  if (!opened.cipher) return false;
  ASSIGN_OR_RETURN(const std::vector<std::string> slots,
                   backup::ListKeySlots(ctx, *place.store, folder));
  const bool active_only = slots == std::vector<std::string>{ring.active()};
  if (active_only && backup::OpenKeySlot(ctx, *place.store, ring, ring.active(), place.instance, id)
                         .status()
                         .ok()) {
    return false;
  }
  RETURN_IF_ERROR(backup::WriteKeySlot(ctx, *place.store, folder,
                                       ring.Wrap(*opened.cipher, place.instance, id)));
  KillPoint("keys.rotate.slot_written");
  RETURN_IF_ERROR(
      backup::OpenKeySlot(ctx, *place.store, ring, ring.active(), place.instance, id).status());
  for (const std::string& slot : slots) {
    if (slot != ring.active())
      RETURN_IF_ERROR(place.store->Remove(ctx, folder + backup::kKeysFolder + slot));
    KillPoint("keys.rotate.slot_removed");
  }
  return true;
}

}  // namespace dbagent::workflows
