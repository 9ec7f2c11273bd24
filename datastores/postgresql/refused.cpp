#include "datastores/postgresql/refused.h"

#include <fnmatch.h>

namespace dbagent::datastore::postgresql {
namespace {

constexpr ParameterAccess kUser = ParameterAccess::kUser;
constexpr ParameterAccess kSystem = ParameterAccess::kSystem;
constexpr ParameterAccess kForbidden = ParameterAccess::kForbidden;

constexpr const char* kProgram = "it names a program that the server runs";
constexpr const char* kLibrary = "it has the server load libraries";
constexpr const char* kFile = "it names files that the server reads or writes";
constexpr const char* kAuthentication = "it could weaken authentication";
constexpr const char* kData = "it puts data at risk";
constexpr const char* kAgent = "it could shut out the agent, or break what it does";
constexpr const char* kDeveloper = "it is for those who work on the server";
constexpr const char* kReplication = "replication and recovery are the agent's";
constexpr const char* kArchive = "archiving of the write-ahead log is the agent's";
constexpr const char* kNetwork = "where the server listens is the agent's";
constexpr const char* kTls = "TLS is the agent's";
constexpr const char* kLog = "where the server's log goes is the agent's";

struct Rule {
  const char* pattern;  // * stands for anything
  ParameterAccess access;
  const char* reason;
};

// The first that fits decides. Patterns, so that what a later version or an extension brings is
// refused when it is of the same kind.
constexpr Rule kRules[] = {
    // names that the patterns below would take with them
    {"search_path", kUser, ""},
    {"shared_preload_libraries", kUser, ""},  // only harmless ones: check.cpp

    {"*_command", kForbidden, kProgram},
    {"ssl_passphrase_*", kForbidden, kProgram},
    {"*.on_*init", kForbidden, "it is code that the server runs"},
    {"*.start_proc", kForbidden, "it is code that the server runs"},

    {"*_libraries", kForbidden, kLibrary},
    {"*_library", kForbidden, kLibrary},
    {"*_library_path", kForbidden, kLibrary},
    {"*_provider", kForbidden, kLibrary},
    {"extension_*", kForbidden, kLibrary},

    {"ssl", kSystem, kTls},
    {"ssl_*", kSystem, kTls},
    {"unix_socket_*", kSystem, kNetwork},
    {"listen_addresses", kSystem, kNetwork},
    {"port", kSystem, kNetwork},
    {"bonjour*", kSystem, kNetwork},

    {"*_file", kForbidden, kFile},
    {"*_filename", kForbidden, kFile},
    {"*_directory", kForbidden, kFile},
    {"*_directories", kForbidden, kFile},
    {"*_dir", kForbidden, kFile},
    {"*_path", kForbidden, kFile},
    {"*_keyfile", kForbidden, kFile},
    {"jit_dump_*", kForbidden, kFile},
    {"jit_*_support", kForbidden, kFile},

    {"password_encryption", kForbidden, kAuthentication},
    {"scram_*", kForbidden, kAuthentication},
    {"oauth_*", kForbidden, kAuthentication},
    {"db_user_namespace", kForbidden, kAuthentication},
    {"krb_*", kForbidden, kAuthentication},
    {"gss_*", kForbidden, kAuthentication},
    {"lo_compat_privileges", kForbidden, "it lets users past their rights"},

    {"fsync", kForbidden, kData},
    {"full_page_writes", kForbidden, kData},
    {"zero_damaged_pages", kForbidden, kData},
    {"ignore_*", kForbidden, kData},
    {"allow_*", kForbidden, kData},
    {"data_sync_retry", kForbidden, kData},
    {"wal_init_zero", kForbidden, "without it a full volume ends the server in the middle"},
    {"session_replication_role", kForbidden, "it switches foreign keys and triggers off"},
    {"event_triggers", kForbidden, "a load is guarded by one"},

    {"superuser_reserved_connections", kSystem, "these are the agent's"},
    {"reserved_connections", kForbidden, kAgent},
    {"*_auth_delay", kForbidden, kAgent},
    {"exit_on_error", kForbidden, kAgent},
    {"restart_after_crash", kForbidden, kAgent},
    {"restrict_nonsystem_relation_kind", kForbidden, kAgent},
    {"client_encoding", kForbidden, "each client has its own, and loads rely on that"},

    {"debug_io_*", kForbidden, kDeveloper},
    {"debug_discard_*", kForbidden, kDeveloper},
    {"trace_recovery_messages", kForbidden, kDeveloper},

    {"archive_*", kSystem, kArchive},
    {"restore_*", kSystem, kArchive},
    {"wal_level", kSystem, "backups need it as it is"},
    {"max_wal_senders", kSystem, "backups need it as it is"},
    {"max_replication_slots", kSystem, "backups need it as it is"},
    {"wal_keep_*", kSystem, kReplication},
    {"max_slot_*", kSystem, kReplication},
    {"idle_replication_*", kSystem, kReplication},
    {"wal_sender_*", kSystem, kReplication},
    {"wal_receiver_*", kSystem, kReplication},
    {"wal_retrieve_*", kSystem, kReplication},
    {"max_standby_*", kSystem, kReplication},
    {"primary_*", kSystem, kReplication},
    {"promote_*", kSystem, kReplication},
    {"recovery_*", kSystem, kReplication},
    {"synchronous_standby_*", kSystem, kReplication},
    {"synchronized_standby_*", kSystem, kReplication},
    {"sync_replication_*", kSystem, kReplication},
    {"hot_standby*", kSystem, kReplication},
    {"cluster_name", kSystem, kReplication},

    {"logging_collector", kSystem, kLog},
    {"log_destination", kSystem, kLog},
    {"log_file_mode", kSystem, kLog},
    {"log_rotation_*", kSystem, kLog},
    {"log_truncate_*", kSystem, kLog},
    {"log_line_prefix", kSystem, "the agent reads the log"},
    {"log_timezone", kSystem, "the agent reads the log"},
    {"lc_messages", kSystem, "the agent reads the server's words"},
    {"syslog_*", kSystem, kLog},
    {"event_source", kSystem, kLog},
};

}  // namespace

Access AccessOf(const std::string& name, const Values& of_system) {
  for (const Rule& rule : kRules) {
    if (fnmatch(rule.pattern, name.c_str(), 0) != 0) continue;
    return {rule.access, rule.reason};
  }
  if (of_system.contains(name)) return {kSystem, "the agent sets it"};
  // of an extension: what the parameters of unknown ones do is anybody's guess
  const std::size_t dot = name.find('.');
  if (dot != std::string::npos && !HarmlessLibraries().contains(name.substr(0, dot)))
    return {kForbidden, "it belongs to an extension that the agent does not know"};
  return {};
}

const std::set<std::string>& HarmlessLibraries() {
  static const auto* const libraries = new std::set<std::string>{
      "auto_explain", "passwordcheck", "pg_prewarm", "pg_stat_statements", "pgaudit"};
  return *libraries;
}

}  // namespace dbagent::datastore::postgresql
