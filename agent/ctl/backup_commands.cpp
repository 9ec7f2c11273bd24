#include "agent/base/bytes.h"
#include "agent/ctl/session.h"
#include "agent/ctl/specs.h"
#include "dbagent/v1/backup.grpc.pb.h"

namespace dbagent::ctl {
namespace {

// When it was verified last, and how that went.
std::string Verified(const v1::Backup& backup) {
  if (backup.last_verify_error().reason() == "BACKUP_CORRUPT") return "CORRUPT";
  if (backup.has_last_verify_error()) return "unknown: " + backup.last_verify_error().reason();
  if (!backup.has_last_verify_time()) return "never";
  return "ok, " + ShowTime(backup.last_verify_time().seconds());
}

std::string BackupTable(const google::protobuf::RepeatedPtrField<v1::Backup>& backups) {
  Table table(
      {"ID", "TAKEN", "METHOD", "SERVER", "DATABASES", "SIZE", "STORED", "SECONDS", "VERIFIED"});
  for (const v1::Backup& backup : backups) {
    if (backup.has_error()) {
      table.Add({backup.id(), "unreadable: " + backup.error().reason()});
      continue;
    }
    table.Add({backup.id(), ShowTime(backup.end_time().seconds()), backup.method(),
               backup.product() + " " + backup.server_version(),
               std::to_string(backup.streams_size()), FormatBytes(backup.source_bytes()),
               FormatBytes(backup.stored_bytes()), fmt::format("{:.1f}", backup.seconds()),
               Verified(backup)});
  }
  return table.ToString();
}

std::string BackupDetails(const v1::Backup& backup) {
  Table table({"DATABASE", "STREAM", "SIZE", "STORED", "CHUNKS"});
  for (const v1::BackupStream& stream : backup.streams()) {
    table.Add({stream.database(), stream.name(), FormatBytes(stream.source_bytes()),
               FormatBytes(stream.stored_bytes()), std::to_string(stream.chunks())});
  }
  google::protobuf::RepeatedPtrField<v1::Backup> one;
  *one.Add() = backup;
  std::string text = BackupTable(one) + "\n" + table.ToString();
  if (backup.has_last_verify_error())
    text += "\nverified last: " + backup.last_verify_error().message() + "\n";
  return text;
}

struct BackupOptions {
  std::string store, id;
  std::vector<std::string> databases, restore_as;
  std::uint32_t level = 0;
  bool physical = false, replace_everything = false;
  bool run_as_superuser = false, with_users = false;
  std::string owner, instance;
  std::uint32_t parallel = 0;
};

void List(Session& session, const BackupOptions& options) {
  v1::ListBackupsRequest request;
  request.set_store(options.store);
  request.set_instance_id(options.instance);
  request.mutable_page()->set_page_size(1000);
  v1::ListBackupsResponse all;
  const bool listed =
      session.CallEveryPage<v1::BackupService>(&v1::BackupService::Stub::List, request, all);
  if (listed && !session.json) std::fputs(BackupTable(all.backups()).c_str(), stdout);
}

void Restore(Session& session, const BackupOptions& options) {
  v1::RestoreBackupRequest request;
  request.set_request_id(session.RequestId());
  request.set_store(options.store);
  request.set_backup_id(options.id);
  request.set_replace_everything(options.replace_everything);
  request.set_run_as_superuser(options.run_as_superuser);
  request.set_with_users(options.with_users);
  request.set_parallel(options.parallel);
  request.set_instance_id(options.instance);
  if (!options.owner.empty()) *request.mutable_owner() = ReadUserName(options.owner);
  for (std::size_t i = 0; i < options.databases.size(); ++i) {
    v1::RestoreTarget& target = *request.add_databases();
    target.set_database(options.databases[i]);
    if (i < options.restore_as.size()) target.set_restore_as(options.restore_as[i]);
  }
  v1::Operation operation;
  if (session.Call<v1::BackupService>(&v1::BackupService::Stub::Restore, request, operation))
    session.Follow(operation);
}

void AddUpkeepCommands(Session& session, const std::shared_ptr<BackupOptions>& options,
                       const std::function<CLI::App*(const char*, const char*)>& add) {
  CLI::App* verify = add("verify",
                         "read all of one and hold it against its checksums, without restoring it; "
                         "says every object that is bad");
  verify->add_option("ID", options->id, "which")->required();
  verify->callback([&session, options] {
    v1::VerifyBackupRequest request;
    request.set_request_id(session.RequestId());
    request.set_store(options->store);
    request.set_id(options->id);
    v1::Operation operation;
    if (session.Call<v1::BackupService>(&v1::BackupService::Stub::Verify, request, operation))
      session.Follow(operation);
  });
  add("sweep",
      "remove what backups left whose agent went away before they were finished; says what it "
      "removed")
      ->callback([&session, options] {
        v1::SweepBackupsRequest request;
        request.set_request_id(session.RequestId());
        request.set_store(options->store);
        v1::Operation operation;
        if (session.Call<v1::BackupService>(&v1::BackupService::Stub::Sweep, request, operation))
          session.Follow(operation);
      });
}

}  // namespace

void AddBackupCommands(CLI::App& app, Session& session) {
  CLI::App* backup = app.add_subcommand("backup", "backups on the stores of the agent's settings")
                         ->require_subcommand(1);
  auto options = std::make_shared<BackupOptions>();
  const auto add = [&](const char* name, const char* help) {
    CLI::App* command = backup->add_subcommand(name, help);
    command->add_option("--store", options->store,
                        "which store; default: the settings' default one");
    return command;
  };

  CLI::App* create = add("create", "take one of all databases, or of some");
  create->add_option("--database", options->databases, "only this one; may be repeated");
  create->add_flag("--physical", options->physical,
                   "the server's files as a whole, instead of SQL of each database");
  create->add_option("--level", options->level, "zstd level, 1 to 19 (default 1)");
  create->add_option("--parallel", options->parallel,
                     "how many databases at a time, 1 to 16 (default 2)");
  create->callback([&session, options] {
    v1::CreateBackupRequest request;
    request.set_request_id(session.RequestId());
    request.set_store(options->store);
    request.set_compression_level(options->level);
    request.set_method(options->physical ? v1::BACKUP_METHOD_PHYSICAL : v1::BACKUP_METHOD_LOGICAL);
    request.set_parallel(options->parallel);
    for (const std::string& name : options->databases) request.add_databases(name);
    v1::Operation operation;
    if (session.Call<v1::BackupService>(&v1::BackupService::Stub::Create, request, operation))
      session.Follow(operation);
  });

  CLI::App* restore = add("restore",
                          "load databases out of a logical backup, only such as do not exist; or "
                          "replace the whole server by a physical one");
  restore->add_option("ID", options->id, "which backup")->required();
  restore->add_option("--database", options->databases, "only this one; may be repeated");
  restore->add_option("--as", options->restore_as,
                      "the name to restore it as; once per --database");
  restore->add_flag("--replace-everything", options->replace_everything,
                    "physical: all databases and users that the server has now are replaced");
  restore->add_flag("--run-as-superuser", options->run_as_superuser,
                    "PostgreSQL: also load what only a superuser can make; DANGER: whoever could "
                    "create something in a dumped database can become superuser by it");
  restore->add_flag("--with-users", options->with_users,
                    "also make the backup's users that do not exist, with passwords and rights");
  restore->add_option("--owner", options->owner,
                      "who takes the place of owners or definers that do not exist: NAME[@HOST]; "
                      "default: they are made, without login");
  restore->add_option("--parallel", options->parallel,
                      "how many databases at a time, 1 to 16 (default 2)");
  restore->add_option("--instance", options->instance, "the id of another instance, whose it is");
  restore->callback([&session, options] {
    if (options->restore_as.size() > options->databases.size())
      throw CLI::ValidationError("--as", "there is no --database that it belongs to");
    Restore(session, *options);
  });

  CLI::App* list = add("list", "all of this instance, newest first");
  list->add_option("--instance", options->instance, "of another instance: its id");
  list->callback([&session, options] { List(session, *options); });

  CLI::App* get = add("get", "one of them");
  get->add_option("ID", options->id, "which")->required();
  get->add_option("--instance", options->instance, "the id of another instance, whose it is");
  get->callback([&session, options] {
    v1::GetBackupRequest request;
    request.set_store(options->store);
    request.set_instance_id(options->instance);
    request.set_id(options->id);
    v1::Backup answer;
    if (session.Call<v1::BackupService>(&v1::BackupService::Stub::Get, request, answer)) {
      session.Show(answer, [&] { return BackupDetails(answer); });
    }
  });

  AddUpkeepCommands(session, options, add);

  CLI::App* remove = add("delete", "remove one from its store");
  remove->add_option("ID", options->id, "which")->required();
  remove->callback([&session, options] {
    v1::DeleteBackupRequest request;
    request.set_request_id(session.RequestId());
    request.set_store(options->store);
    request.set_id(options->id);
    v1::Operation operation;
    if (session.Call<v1::BackupService>(&v1::BackupService::Stub::Delete, request, operation))
      session.Follow(operation);
  });
}

}  // namespace dbagent::ctl
