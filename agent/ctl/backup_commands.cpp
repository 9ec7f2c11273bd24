#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/base/bytes.h"
#include "agent/base/quantity.h"
#include "agent/ctl/session.h"
#include "agent/ctl/specs.h"
#include "agent/ctl/store_options.h"
#include "dbagent/v1/backup.grpc.pb.h"

namespace dbagent::ctl {
namespace {

constexpr const char* kReadRateHelp =
    "how much is read from the store a second, like 50MiB; `operation throttle` changes it "
    "meanwhile";

// When it was verified last, and how that went.
std::string Verified(const v1::Backup& backup) {
  const std::string& reason = backup.last_verify_error().reason();
  if (reason == "BACKUP_CORRUPT") return "CORRUPT";
  if (reason == "BACKUP_DAMAGED") return "DAMAGED";
  if (reason == "BACKUP_UNRESTORABLE") return "UNRESTORABLE";
  if (backup.has_last_verify_error()) return "unknown: " + backup.last_verify_error().reason();
  if (!backup.has_last_verify_time()) return "never";
  const bool restored = backup.last_verify().level() == v1::VERIFY_LEVEL_RESTORE;
  return (restored ? "restored, " : "ok, ") + ShowTime(backup.last_verify_time().seconds());
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

// What its restore into a scratch server looked at, and what is damaged.
std::string RestoreReport(const v1::Backup& backup) {
  const v1::VerifyReport& report = backup.last_verify();
  std::string text = fmt::format(
      "\nrestored into a scratch server ({}) in {:.1f} seconds: {} tables in {} databases, {} "
      "damaged places\n",
      report.server_version().empty() ? "it did not run" : report.server_version(),
      report.seconds(), report.tables(), report.databases(), report.finding_count());
  for (const std::string& check : report.checks()) text += "  by " + check + "\n";
  if (report.findings().empty()) return text;
  Table table({"DATABASE", "WHERE", "WHAT"});
  for (const v1::VerifyFinding& finding : report.findings())
    table.Add({finding.database(), finding.object(), finding.what()});
  return text + "\n" + table.ToString();
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
  if (backup.stages_size() > 0) {
    text += "\n" + StageTable(backup.stages());
    text += "the others waited for: " + backup.bottleneck() + "\n";
  }
  text += fmt::format("encrypted: {}\n", backup.encrypted() ? "yes" : "no");
  if (backup.has_last_verify_error())
    text += "\nverified last: " + backup.last_verify_error().message() + "\n";
  if (backup.last_verify().level() == v1::VERIFY_LEVEL_RESTORE) text += RestoreReport(backup);
  return text;
}

struct BackupOptions {
  StoreOptions store;
  std::string id;
  std::vector<std::string> databases, restore_as;
  bool physical = false, replace_everything = false;
  bool run_as_superuser = false, with_users = false;
  std::string owner, instance, stream;
  std::uint32_t parallel = 0;
  bool verify_restore = false;
  std::string verify = "none";
  bool accept_unencrypted = false;
  std::string rate;
  // of `create`
  std::string compression, chunk_size;
  std::uint32_t threads = 0, uploads = 0;
  bool polite = false;
};

void Create(Session& session, const BackupOptions& options) {
  v1::CreateBackupRequest request;
  request.set_request_id(session.RequestId());
  if (!session.Succeeded(SetStore(options.store, request))) return;
  request.set_method(options.physical ? v1::BACKUP_METHOD_PHYSICAL : v1::BACKUP_METHOD_LOGICAL);
  request.set_parallel(options.parallel);
  if (options.compression == "adaptive") {
    request.set_adaptive_compression(true);
  } else if (!options.compression.empty()) {
    const std::optional<WideInteger> level = ParseQuantity(options.compression, "");
    if (!level || *level < 1 || *level > 19)
      throw CLI::ValidationError(
          "--compression", "'" + options.compression + "' is no level; write 1 to 19, or adaptive");
    request.set_compression_level(static_cast<std::uint32_t>(*level));
  }
  request.set_compression_threads(options.threads);
  request.set_uploads(options.uploads);
  request.set_chunk_bytes(ReadSize("--chunk-size", options.chunk_size));
  request.set_bytes_per_second(ReadSize("--rate", options.rate));
  request.set_polite(options.polite);
  if (options.verify == "chunks") request.set_verify(v1::VERIFY_LEVEL_CHUNKS);
  if (options.verify == "restore") request.set_verify(v1::VERIFY_LEVEL_RESTORE);
  for (const std::string& name : options.databases) request.add_databases(name);
  v1::Operation operation;
  if (session.Call<v1::BackupService>(&v1::BackupService::Stub::Create, request, operation))
    session.Follow(operation);
}

void AddCreateCommand(CLI::App& create, Session& session,
                      const std::shared_ptr<BackupOptions>& options) {
  create.add_option("--database", options->databases, "only this one; may be repeated");
  create.add_flag("--physical", options->physical,
                  "the server's files as a whole, instead of SQL of each database");
  create.add_option("--parallel", options->parallel,
                    "how many databases at a time, 1 to 16 (default 2)");
  create.add_option("--compression", options->compression,
                    "zstd level, 1 to 19, or adaptive: more for a slow store, less for a fast one");
  create.add_option("--compression-threads", options->threads, "threads that compress");
  create.add_option("--uploads", options->uploads, "chunks on their way to the store at a time");
  create.add_option("--chunk-size", options->chunk_size, "stored size of a chunk, like 8MiB");
  create.add_option("--rate", options->rate,
                    "how much is read from the server a second, like 50MiB; `operation throttle` "
                    "changes it meanwhile");
  create.add_flag("--polite", options->polite,
                  "one thread, and only with what the machine has to spare");
  create
      .add_option("--verify", options->verify,
                  "when it is made: none (default), chunks or restore, as `backup verify` does")
      ->check(CLI::IsMember({"none", "chunks", "restore"}));
  create.callback([&session, options] { Create(session, *options); });
}

void List(Session& session, const BackupOptions& options) {
  v1::ListBackupsRequest request;
  if (!session.Succeeded(SetStore(options.store, request))) return;
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
  if (!session.Succeeded(SetStore(options.store, request))) return;
  request.set_backup_id(options.id);
  request.set_replace_everything(options.replace_everything);
  request.set_run_as_superuser(options.run_as_superuser);
  request.set_with_users(options.with_users);
  request.set_parallel(options.parallel);
  request.set_instance_id(options.instance);
  request.set_accept_unencrypted(options.accept_unencrypted);
  if (!options.owner.empty()) *request.mutable_owner() = ReadUserName(options.owner);
  for (std::size_t i = 0; i < options.databases.size(); ++i) {
    v1::RestoreTarget& target = *request.add_databases();
    target.set_database(options.databases[i]);
    if (i < options.restore_as.size()) target.set_restore_as(options.restore_as[i]);
  }
  request.set_bytes_per_second(ReadSize("--rate", options.rate));
  v1::Operation operation;
  if (session.Call<v1::BackupService>(&v1::BackupService::Stub::Restore, request, operation))
    session.Follow(operation);
}

// Standard output takes all of it, or the command fails.
bool WriteOut(const std::string& data) {
  return std::fwrite(data.data(), 1, data.size(), stdout) == data.size();
}

void Cat(Session& session, const BackupOptions& options) {
  if (isatty(STDOUT_FILENO) != 0) {
    session.Succeeded(Error(Code::kFailedPrecondition, "OUTPUT_IS_TERMINAL",
                            "unable to write the stream: standard output is a terminal")
                          .WithHint("send it to a file (`> FILE`) or to a program (`| psql …`)"));
    return;
  }
  const auto channel = session.channel();
  if (!channel) return;
  v1::ReadBackupRequest request;
  if (!session.Succeeded(SetStore(options.store, request))) return;
  request.set_instance_id(options.instance);
  request.set_id(options.id);
  request.set_stream(options.stream);
  grpc::ClientContext context;  // as long as it takes
  const auto stub = v1::BackupService::NewStub(channel);
  const auto stream = stub->Read(&context, request);
  std::uint64_t written = 0;
  v1::BackupPiece piece;
  bool taken = true;
  while (taken && stream->Read(&piece)) {
    taken = WriteOut(piece.data());
    written += piece.data().size();
  }
  taken = std::fflush(stdout) == 0 && taken;
  if (!taken) {
    const int error = errno;
    context.TryCancel();
    const grpc::Status ended = stream->Finish();
    session.Succeeded(Error(Code::kInternal, "OUTPUT_FAILED",
                            "unable to write the stream to standard output: {}",
                            std::strerror(error)));
    return;
  }
  Status ended = FromGrpc(stream->Finish());
  if (!ended.ok() && written > 0) {
    ended = std::move(ended).Wrap(
        fmt::format("the stream is not whole, it broke off after {} bytes", written));
  }
  session.Succeeded(ended);
}

void AddCatCommand(Session& session, const std::shared_ptr<BackupOptions>& options,
                   const std::function<CLI::App*(const char*, const char*)>& add) {
  CLI::App* cat = add("cat",
                      "write a stream of one to standard output, as the dump tool or the server "
                      "wrote it; without STREAM: list them");
  cat->add_option("ID", options->id, "which backup")->required();
  cat->add_option("STREAM", options->stream, "`users.sql`, `databases/shop.sql`, `base.tar` …");
  cat->add_option("--instance", options->instance, "the id of another instance, whose it is");
  cat->callback([&session, options] {
    if (!options->stream.empty()) return Cat(session, *options);
    v1::GetBackupRequest request;
    if (!session.Succeeded(SetStore(options->store, request))) return;
    request.set_instance_id(options->instance);
    request.set_id(options->id);
    v1::Backup answer;
    if (!session.Call<v1::BackupService>(&v1::BackupService::Stub::Get, request, answer)) return;
    session.Show(answer, [&] {
      std::string names;
      for (const v1::BackupStream& stream : answer.streams()) names += stream.name() + "\n";
      return names;
    });
  });
}

void AddUpkeepCommands(Session& session, const std::shared_ptr<BackupOptions>& options,
                       const std::function<CLI::App*(const char*, const char*)>& add) {
  CLI::App* verify = add("verify",
                         "read all of one and hold it against its checksums; says every object "
                         "that is bad");
  verify->add_option("ID", options->id, "which")->required();
  verify->add_flag("--restore", options->verify_restore,
                   "restore it into a scratch server beside the running one, and let the server "
                   "look at all of its data");
  verify->add_flag("--accept-unencrypted", options->accept_unencrypted,
                   "with --restore: also one that is not encrypted");
  verify->add_option("--rate", options->rate, kReadRateHelp);
  verify->callback([&session, options] {
    v1::VerifyBackupRequest request;
    request.set_request_id(session.RequestId());
    if (!session.Succeeded(SetStore(options->store, request))) return;
    request.set_id(options->id);
    if (options->verify_restore) request.set_level(v1::VERIFY_LEVEL_RESTORE);
    request.set_bytes_per_second(ReadSize("--rate", options->rate));
    request.set_accept_unencrypted(options->accept_unencrypted);
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
        if (!session.Succeeded(SetStore(options->store, request))) return;
        v1::Operation operation;
        if (session.Call<v1::BackupService>(&v1::BackupService::Stub::Sweep, request, operation))
          session.Follow(operation);
      });
}

}  // namespace

void AddBackupCommands(CLI::App& app, Session& session) {
  CLI::App* backup =
      app.add_subcommand("backup",
                         "backups on the stores of the agent's settings, or on one that is given")
          ->require_subcommand(1);
  auto options = std::make_shared<BackupOptions>();
  const auto add = [&](const char* name, const char* help) {
    CLI::App* command = backup->add_subcommand(name, help);
    AddStoreOptions(*command, options->store);
    return command;
  };

  CLI::App* create = add("create", "take one of all databases, or of some");
  AddCreateCommand(*create, session, options);

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
  restore->add_flag("--accept-unencrypted", options->accept_unencrypted,
                    "take one that is not encrypted, though this agent's are: whoever can write to "
                    "the store could have made it");
  restore->add_option("--rate", options->rate, kReadRateHelp);
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
    if (!session.Succeeded(SetStore(options->store, request))) return;
    request.set_instance_id(options->instance);
    request.set_id(options->id);
    v1::Backup answer;
    if (session.Call<v1::BackupService>(&v1::BackupService::Stub::Get, request, answer)) {
      session.Show(answer, [&] { return BackupDetails(answer); });
    }
  });

  AddCatCommand(session, options, add);
  AddUpkeepCommands(session, options, add);

  auto renewed = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App* renew = backup->add_subcommand(
      "renew-credentials",
      "give an operation whose request brought its own store new credentials for it: one that "
      "waits for them, or an ORPHANED one, which then cleans up");
  renew->add_option("OPERATION", renewed->first, "which")->required();
  renew
      ->add_option("--credentials", renewed->second,
                   "a JSON file that only its owner may read, or -")
      ->required();
  renew->callback([&session, renewed] {
    v1::RenewCredentialsRequest request;
    request.set_operation_id(renewed->first);
    Result<v1::StoreCredentials> credentials = ReadCredentials(renewed->second);
    if (!session.Succeeded(credentials.status())) return;
    *request.mutable_credentials() = *std::move(credentials);
    v1::Operation operation;
    if (session.Call<v1::BackupService>(&v1::BackupService::Stub::RenewCredentials, request,
                                        operation))
      session.Follow(operation);
  });

  CLI::App* remove = add("delete", "remove one from its store");
  remove->add_option("ID", options->id, "which")->required();
  remove->callback([&session, options] {
    v1::DeleteBackupRequest request;
    request.set_request_id(session.RequestId());
    if (!session.Succeeded(SetStore(options->store, request))) return;
    request.set_id(options->id);
    v1::Operation operation;
    if (session.Call<v1::BackupService>(&v1::BackupService::Stub::Delete, request, operation))
      session.Follow(operation);
  });
}

}  // namespace dbagent::ctl
