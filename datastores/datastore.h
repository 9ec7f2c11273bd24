#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/ids.h"
#include "agent/base/op_context.h"
#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/os/instance_host.h"
#include "agent/os/volume.h"
#include "agent/stream/stream.h"
#include "datastores/settings.h"

// The driver contract. A datastore is MySQL (with MariaDB) or PostgreSQL; a driver is a module that
// implements this. `Datastore` itself is identity and health; all else is a capability that a
// driver may lack (nullptr).
//
// Threads: every method of every interface may be called from any thread, several at a time, and
// may block. Each honours ctx: a stop or an expired deadline reaches the statement on the server or
// the child process, and the call answers ctx's error. Unless a method says otherwise, a cancelled
// or failed call leaves the server as it was or as it would be after success, never in between.
//
// Errors that every method may answer: SERVER_UNAVAILABLE (UNAVAILABLE; the server does not answer,
// retryable), SERVER_ERROR (INTERNAL; the server refused for a reason of its own, its code in
// metadata `sqlstate` or `errno`), SERVER_READ_ONLY, NO_SPACE, CANCELLED, DEADLINE_EXCEEDED.
// Foreign texts are redacted. The reasons that a method adds stand with it. Names of databases and
// users are checked before any SQL: NAME_INVALID (INVALID_ARGUMENT; empty, too long, characters
// that the server cannot hold; never shortened or changed) and NAME_RESERVED (PERMISSION_DENIED;
// the server's own or the agent's).
namespace dbagent::datastore {

// ---- identity and settings
// -----------------------------------------------------------------------------------------

// How the server is to be run; from the agent's settings and the machine.
struct ServerSettings {
  os::Volume volume{os::Path()};
  os::Path runtime_directory;  // sockets and pid files (0700 in direct mode); short enough for a
                               // socket's 107 bytes
  // The server's programs: MySQL: the prefix with sbin/ and bin/ (`/usr`), PostgreSQL: the bin
  // directory. Empty: the driver looks where Debian has them.
  os::Path programs;
  os::Path own_programs;  // where dbagent-extract lies
  std::string os_user;    // the agent's OS user: its SQL account has this name
  // The server's OS user; in direct mode the agent's. It has an SQL account only where a tool that
  // runs as this user needs one.
  std::string server_user;
  // Where the server's log is when its unit says where that goes; empty: the driver says, in the
  // generation. The agent can read it.
  os::Path log_file = {};
  std::uint16_t port = 0;
  std::vector<std::string> bind_addresses;  // IP addresses, `*` for all
  bool allow_unknown_major = false;
  // A server beside the instance's own, for a while, on data that is to be looked at: it listens on
  // its socket only, nothing in its data makes it act (replication, scheduled jobs, preloaded
  // libraries), and it takes little memory. Its data need not survive the machine.
  bool scratch = false;

  // Whether the server is another OS user than the agent.
  bool separate() const { return os_user != server_user; }
};

// A scratch server beside the one of `settings`, on a volume of its own.
inline ServerSettings ScratchOf(const ServerSettings& settings) {
  ServerSettings scratch = settings;
  scratch.volume = os::Volume(settings.volume.scratch());
  // beside the server's own where that is in the server's hands
  scratch.runtime_directory = (settings.separate() ? settings.runtime_directory.parent_path()
                                                   : settings.runtime_directory) /
                              "scratch";
  scratch.log_file.clear();
  scratch.port = 1;  // nothing listens there; PostgreSQL's socket is named after it
  scratch.bind_addresses.clear();
  scratch.scratch = true;
  return scratch;
}

struct DatastoreInfo {
  std::string kind;     // `mysql`, `postgresql`: the driver
  std::string product;  // `MariaDB`, `MySQL`, `PostgreSQL`
  std::string version;  // of the installed programs: `10.11.14`
  std::uint32_t major = 0;
};

enum class HealthState : std::uint8_t {
  kNotPrepared,   // no data directory
  kStopped,       // as asked
  kStarting,      // a process, no answer yet
  kHealthy,       // answered a query
  kUnresponsive,  // a process that does not answer
  kCrashed,       // should run, does not
};

struct Health {
  HealthState state = HealthState::kNotPrepared;
  std::string detail;          // why, for people; redacted
  std::string server_version;  // as the running server says; empty when it does not answer
};

// ---- ServerControl
// --------------------------------------------------------------------------------------------------

struct InitialiseSpec {
  os::Generation generation;  // made by the host, empty; its real paths, never `current`
};

class ServerControl {
 public:
  virtual ~ServerControl() = default;

  // Makes a data directory in the generation and secures it: the agent's account by socket without
  // a password, no anonymous account, no remote root, no test database. Never listens on the
  // network meanwhile. No server runs when it returns. A failed or cancelled call leaves files in
  // the generation, which the caller removes. DATA_DIRECTORY_NOT_EMPTY.
  virtual Status Initialise(const OpContext& ctx, const InitialiseSpec& spec) = 0;

  // Starts the server on `current` (through the host) and waits until it answers a query. Running
  // already is fine. SERVER_START_FAILED with the lines that the server's log got meanwhile, errors
  // first. A server that was just started and refuses the agent is stopped once more for AdoptData;
  // SERVER_REFUSES_AGENT (FAILED_PRECONDITION): one that ran already does, or it still does.
  virtual Status Start(const OpContext& ctx) = 0;
  // Clean stop. Running not is fine. When ctx's deadline comes first the server is killed, and the
  // call is OK: it is stopped, and will recover at its next start.
  virtual Status Stop(const OpContext& ctx) = 0;

  // Of data that an agent of another OS user's name had (direct mode, another machine), and that no
  // server runs on, before or after: the agent's accounts are there and may do all that it needs,
  // and no account is left that such an agent's OS user is let in as. Users' stay. Idempotent.
  virtual Status AdoptData(const OpContext& ctx, const os::Generation& generation) = 0;
};

inline constexpr std::string_view kRefusesAgent = "SERVER_REFUSES_AGENT";

// ---- DatabaseAdmin
// --------------------------------------------------------------------------------------------------

template <typename Key>
struct PageRequest {
  std::size_t limit = 100;         // at most this many items
  std::optional<Key> start_after;  // items that sort after it (bytewise); it need not exist
};

template <typename T>
struct Page {
  std::vector<T> items;
  bool more = false;  // there are items after the last one
};

// Fields that a datastore does not have are refused when set (FIELD_UNSUPPORTED) and empty when
// answered.
struct DatabaseSpec {
  std::string name;
  std::string
      character_set;  // MySQL: utf8mb4; PostgreSQL: the encoding, UTF8. Empty: the server's default
  std::string collation;  // MySQL: of that character set; PostgreSQL: LC_COLLATE
  std::string ctype;      // PostgreSQL: LC_CTYPE; empty: as collation
  std::string owner;      // PostgreSQL: a role; empty: nobody, the agent alone administers it
  std::optional<std::int32_t> connection_limit;  // PostgreSQL; -1: none
};

struct DatabaseInfo {
  std::string name, character_set, collation, ctype, owner;
  std::optional<std::int32_t> connection_limit;
  std::optional<std::uint64_t> size_bytes;  // on disk, about; only when asked for (it costs a scan)
};

struct DatabaseChange {  // what is set is changed
  std::string name;
  std::optional<std::string> character_set, collation;  // MySQL: the default for new tables
  std::optional<std::string> owner;                     // PostgreSQL
  std::optional<std::int32_t> connection_limit;         // PostgreSQL
};

class DatabaseAdmin {
 public:
  virtual ~DatabaseAdmin() = default;

  // What needs no server: the name and which fields are set. NAME_INVALID, NAME_RESERVED,
  // FIELD_UNSUPPORTED.
  virtual Status Check(const DatabaseSpec& spec) const = 0;
  // Users' databases, bytewise by name; reserved ones are never among them.
  virtual Result<Page<DatabaseInfo>> List(const OpContext& ctx,
                                          const PageRequest<std::string>& page, bool with_size) = 0;
  // DATABASE_NOT_FOUND.
  virtual Result<DatabaseInfo> Get(const OpContext& ctx, const std::string& name) = 0;
  // Creates and reads back. DATABASE_EXISTS, CHARACTER_SET_UNKNOWN, COLLATION_UNKNOWN,
  // USER_NOT_FOUND (owner).
  virtual Result<DatabaseInfo> Create(const OpContext& ctx, const DatabaseSpec& spec) = 0;
  // DATABASE_NOT_FOUND and as Create.
  virtual Result<DatabaseInfo> Update(const OpContext& ctx, const DatabaseChange& change) = 0;
  // Whether it was there. Sessions in it are ended.
  virtual Result<bool> Drop(const OpContext& ctx, const std::string& name) = 0;
};

// ---- UserAdmin, GrantAdmin, RootAdmin
// -------------------------------------------------------------------------------

// A MySQL account is name@host, a PostgreSQL role is a name (host stays empty; set, it is
// FIELD_UNSUPPORTED).
struct UserId {
  std::string name;
  std::string host;  // MySQL: `%`, `10.0.0.%`, `192.0.2.0/255.255.255.0`, a host name; empty in a
                     // request means `%`
  friend bool operator==(const UserId&, const UserId&) = default;
  friend auto operator<=>(const UserId&, const UserId&) = default;
  std::string ToString() const { return host.empty() ? name : name + "@" + host; }
};

// What an account is beyond its name and password; what is set is set or changed. The fields of the
// other datastore are refused (FIELD_UNSUPPORTED).
struct UserAttributes {
  // MySQL and MariaDB
  std::optional<bool> locked;
  std::optional<bool> require_tls;
  std::optional<std::uint32_t> max_connections;  // MAX_USER_CONNECTIONS; 0: no limit of its own
  // PostgreSQL
  std::optional<bool> login, inherit, create_database, create_role;
  std::optional<std::int32_t> connection_limit;  // -1: none
  std::optional<WallTime> valid_until;           // WallTime::max(): for ever
  std::optional<std::vector<std::string>>
      member_of;  // roles that it is a member of; replaces the set
};

struct UserSpec {
  UserId id;
  Secret password;  // any byte but NUL (PASSWORD_INVALID); empty: an account that cannot log in
                    // with a password
  UserAttributes attributes;
};

struct UserInfo {
  UserId id;
  UserAttributes attributes;   // all of the datastore's own are set
  std::string authentication;  // MySQL: the plugin; PostgreSQL: `scram-sha-256`, `md5` or `none`
};

struct UserChange {
  UserId id;
  std::optional<UserId> new_id;  // rename
  std::optional<Secret> password;
  UserAttributes attributes;
};

class UserAdmin {
 public:
  virtual ~UserAdmin() = default;

  // What needs no server. NAME_INVALID, NAME_RESERVED, HOST_INVALID, PASSWORD_INVALID,
  // FIELD_UNSUPPORTED.
  virtual Status Check(const UserSpec& spec) const = 0;
  // Users' accounts by (name, host) bytewise; reserved ones (and PostgreSQL's pg_* roles) are never
  // among them, an enabled root neither.
  virtual Result<Page<UserInfo>> List(const OpContext& ctx, const PageRequest<UserId>& page) = 0;
  virtual Result<UserInfo> Get(const OpContext& ctx, const UserId& id) = 0;  // USER_NOT_FOUND
  // The password reaches the server hashed, or in a statement that no log of the server keeps.
  // Reads back. USER_EXISTS, USER_NOT_FOUND (a role to be member of), PASSWORD_REFUSED (the
  // server's own policy).
  virtual Result<UserInfo> Create(const OpContext& ctx, const UserSpec& spec) = 0;
  // All or nothing. USER_NOT_FOUND, USER_EXISTS (the new name).
  virtual Result<UserInfo> Update(const OpContext& ctx, const UserChange& change) = 0;
  // Whether it was there. Its sessions are ended. PostgreSQL: what it owns becomes
  // nobody's first (no user gets rights that its functions and views could use), its grants are
  // taken away.
  virtual Result<bool> Drop(const OpContext& ctx, const UserId& id) = 0;
  // The password as the server stores it (a hash), empty when there is none: only to tell, after a
  // crash, whether a change was made. USER_NOT_FOUND.
  virtual Result<Secret> StoredCredential(const OpContext& ctx, const UserId& id) = 0;
};

// Ready-made sets; what they mean in each datastore stands in the driver's README.
enum class PrivilegeSet : std::uint8_t {
  kNone,
  kReadOnly,   // read all data of the database, now and later
  kReadWrite,  // and change it
  kAll,        // and change its structure
};

struct Grant {
  std::string database;  // empty: server-wide (a dynamic or global privilege), only in answers
  std::string
      object;  // empty: the database; else `schema s`, `table s.t`, `table t`; only in answers
  PrivilegeSet set = PrivilegeSet::kNone;
  std::vector<std::string>
      privileges;  // the server's own words: `SELECT`, `CREATE TEMPORARY TABLES`, `CONNECT`
  bool with_grant_option = false;
};

class GrantAdmin {
 public:
  virtual ~GrantAdmin() = default;

  // Database-level grants: a set or explicit privileges (not both). Granting what is granted is
  // fine. USER_NOT_FOUND, DATABASE_NOT_FOUND, PRIVILEGE_UNKNOWN (with those that the server knows),
  // NAME_RESERVED.
  virtual Status GrantTo(const OpContext& ctx, const UserId& user, const Grant& grant) = 0;
  // Takes a set or privileges away; revoking what is not granted is fine. As GrantTo.
  virtual Status RevokeFrom(const OpContext& ctx, const UserId& user, const Grant& grant) = 0;
  // Everything that the server says the user holds (sets are recognised), ordered by database,
  // object.
  virtual Result<std::vector<Grant>> List(const OpContext& ctx, const UserId& user) = 0;
};

struct RootState {
  bool enabled = false;
  UserId id;  // `root@%`, `root`
};

class RootAdmin {
 public:
  virtual ~RootAdmin() = default;
  virtual Result<RootState> State(const OpContext& ctx) = 0;
  // A superuser that can log in from the allowed networks. Enabling again sets the new password.
  virtual Result<RootState> Enable(const OpContext& ctx, const Secret& password) = 0;
  // No such account can log in or holds rights afterwards, and its sessions are ended. Idempotent.
  virtual Result<RootState> Disable(const OpContext& ctx) = 0;
};

// ---- LogicalBackup
// --------------------------------------------------------------------------------------------------

struct DumpFacts {
  DatabaseInfo database;  // as it was: what a restore creates
  std::string tool;       // `mariadb-dump 10.19 …`
  std::string server_version;
};

struct LoadSpec {
  DatabaseInfo database;  // as dumped; `name` may have been changed: the database to make
  // PostgreSQL: the dump's statements, and the code of its owners that they call, run as a
  // superuser. Only for dumps of databases whose every creator may have root.
  bool run_as_superuser = false;
  // Who takes the place of missing owners and DEFINERs. None: these are made, as accounts that
  // nobody can log in to, with rights in this database only.
  std::optional<UserId> owner = {};
  // MySQL: called before such an account is made. When the load does not end well the caller drops
  // it. (PostgreSQL marks such roles, and drops those that own nothing any more by itself.)
  std::function<Status(const UserId&)> before_account = {};
};

struct LoadUsersSpec {
  enum class Part : std::uint8_t {
    kAccounts,  // before databases are loaded
    kRights,    // after it: grants may name what is in them
  };
  Part part = Part::kAccounts;
  std::vector<UserId> made = {};  // kRights: whose; others are left as they are
  // kAccounts: called before each account is made.
  std::function<Status(const UserId&)> before_account = {};
  std::function<void(const std::string&)> note = {};  // for people: what was left out
};

struct LoadSequence {
  std::vector<std::string> databases;
  bool one_by_one = false;  // some need what is in others
};

class LogicalBackup {
 public:
  virtual ~LogicalBackup() = default;
  // The databases in an order in which they can be loaded, each after those that it needs (MySQL:
  // its views). What need each other stay as they are.
  virtual Result<LoadSequence> SequenceOf(const OpContext& ctx,
                                          const std::vector<std::string>& databases) {
    (void)ctx;
    return LoadSequence{databases, false};
  }
  // One database with all that belongs to it (views, routines, events, triggers), consistent, as
  // SQL text by the datastore's own tool. DATABASE_NOT_FOUND, TOOL_FAILED (with its last words),
  // SETTING_UNSUITABLE (the server would leave out a part, and be silent about it).
  // Cancelled: the tool is ended.
  virtual Result<DumpFacts> Dump(const OpContext& ctx, const std::string& database,
                                 stream::Sink& sink) = 0;
  // Creates the database and loads it. DATABASE_EXISTS (then nothing was touched), TOOL_FAILED,
  // FIELD_UNSUPPORTED, USER_NOT_FOUND (owner), LOAD_NEEDS_SUPERUSER (FAILED_PRECONDITION;
  // PostgreSQL: the dump has what only a superuser can make), LOADERS_BUSY; after any other error
  // the database may exist in part: the caller drops it.
  virtual Status Load(const OpContext& ctx, const LoadSpec& spec, stream::Source& source) = 0;

  // Users' accounts and roles with their passwords as the server stores them, attributes,
  // memberships, and those of their rights that Dump leaves out. Reserved ones and an enabled root
  // are not among them.
  virtual Status DumpUsers(const OpContext& ctx, stream::Sink& sink) = 0;
  // Makes those that do not exist, as they were; the others are not touched. CORRUPT_DUMP. On
  // failure the caller drops what before_account named.
  virtual Status LoadUsers(const OpContext& ctx, const LoadUsersSpec& spec,
                           stream::Source& source) = 0;
  // Accounts that before_account named, after the databases that name them are gone. Those that are
  // not there are fine.
  virtual Status DropUsers(const OpContext& ctx, const std::vector<UserId>& users) = 0;
};

// ---- PhysicalBackup
// --------------------------------------------------------------------------------------------------

// Takes the archives of a physical backup, one after the other.
class ArchiveWriter {
 public:
  virtual ~ArchiveWriter() = default;
  // Ends the archive before and begins the next; its sink lives until then. `name` is unique in the
  // backup: letters, digits, `-`, `_`, `.` and `/`.
  virtual Result<stream::Sink*> Begin(const OpContext& ctx, const std::string& name) = 0;
};

struct PhysicalFacts {
  std::string tool;  // `mariadb-backup 10.11.14`, `BASE_BACKUP`
  std::string server_version;
  // What Unpack and Complete need again; kept in the manifest. Never a secret.
  std::map<std::string, std::string> notes;
};

struct UnpackSpec {
  os::Generation generation;  // made by the host; what earlier archives left is in it
  std::string archive;        // its name
  std::map<std::string, std::string> notes;
};

// The server's files as a whole, consistent, while it runs. In a restore: Unpack each archive into
// a new generation, in the backup's order; Complete; then the caller stops the server, switches,
// starts, and calls Settle.
class PhysicalBackup {
 public:
  virtual ~PhysicalBackup() = default;

  // About how many bytes Take will write, for progress and for room; 0 when that cannot be told.
  virtual Result<std::uint64_t> EstimateBytes(const OpContext& ctx) = 0;
  // Cancelled or failed: the server's backup mode has ended, no slot, lock or child is left.
  // TOOL_FAILED (with its last words); BACKUP_UNSUPPORTED (FAILED_PRECONDITION: what it has that
  // such a backup cannot hold, with the list).
  virtual Result<PhysicalFacts> Take(const OpContext& ctx, ArchiveWriter& archives) = 0;
  // Removes what a Take that was killed with its agent has left: files, a statement that still
  // runs. Called by recovery; nothing left is fine.
  virtual Status CleanUp(const OpContext& ctx) {
    (void)ctx;
    return Ok();
  }

  // Writes nothing outside the generation, whatever the archive holds: ARCHIVE_REFUSED,
  // ARCHIVE_CORRUPT (DATA_LOSS). A failed call leaves files, which the caller removes.
  // Configuration that lies in the archive is not used. A call that was cut off, by the agent's or
  // the machine's end, may be made again: it goes on near where it was, and reads no more of the
  // source than that (Source::Skip).
  virtual Status Unpack(const OpContext& ctx, const UnpackSpec& spec, stream::Source& source) = 0;
  // Makes of it what the installed server starts on: log applied, paths of this generation, the
  // agent's account. No server runs on the generation, before or after. Once it was called, nothing
  // more can be unpacked there. VERSION_UNSUPPORTED (a
  // backup of a server that the installed one cannot continue).
  virtual Status Complete(const OpContext& ctx, const UnpackSpec& spec) = 0;
  // After the server on the new generation answered: recovery has ended, it takes writes, every
  // table can be opened. DATA_UNREADABLE (DATA_LOSS, with the list). Idempotent.
  virtual Status Settle(const OpContext& ctx) = 0;
};

// ---- ConsistencyCheck
// ----------------------------------------------------------------------------------------------

struct DataFinding {
  std::string database;  // empty: of the server as a whole
  std::string object;    // `public.t`, `index public.t_pkey`, a file's name
  std::string what;      // the server's or the tool's words, redacted
};

struct DataReport {
  static constexpr std::size_t kMostKept = 100;

  std::vector<std::string> checks;  // what was done, for people: `pg_verifybackup`, `CHECK TABLE`
  std::uint64_t databases = 0, tables = 0;  // looked at
  std::uint64_t finding_count = 0;
  std::vector<DataFinding> findings;  // the first of them

  void Add(DataFinding finding) {
    ++finding_count;
    if (findings.size() < kMostKept) findings.push_back(std::move(finding));
  }
};

// Whether data is whole, by the datastore's own tools and statements. Only of a scratch server:
// what the checks need is installed there. What is damaged stands in the report and is no error.
class ConsistencyCheck {
 public:
  virtual ~ConsistencyCheck() = default;
  // The files of a physical backup, after Unpack of all its archives and before Complete.
  virtual Status CheckFiles(const OpContext& ctx, const UnpackSpec& spec, DataReport& report) {
    (void)spec;
    (void)report;
    return ctx.Poll();
  }
  // Everything that the running server holds is read. That the server ends while it looks at
  // something is a finding; it is awaited, and the rest is looked at. Progress: bytes.
  virtual Status CheckData(const OpContext& ctx, DataReport& report) = 0;
};

// ---- Datastore
// ------------------------------------------------------------------------------------------------------

class Datastore {
 public:
  virtual ~Datastore() = default;
  virtual const DatastoreInfo& info() const = 0;
  // Whether the installed server can run on data that this version ran on last.
  // VERSION_UNSUPPORTED.
  virtual Status CheckDataVersion(const std::string& version) const = 0;
  // Answers within two seconds, whatever the server does.
  virtual Health CheckHealth() = 0;

  virtual ServerControl* server() { return nullptr; }
  virtual DatabaseAdmin* databases() { return nullptr; }
  virtual UserAdmin* users() { return nullptr; }
  virtual GrantAdmin* grants() { return nullptr; }
  virtual RootAdmin* root() { return nullptr; }
  virtual LogicalBackup* logical_backup() { return nullptr; }
  virtual PhysicalBackup* physical_backup() { return nullptr; }
  virtual ConsistencyCheck* consistency_check() { return nullptr; }
  // Both or neither: settings.h.
  virtual SettingsAdmin* settings() { return nullptr; }
  virtual ConfigurationLayers* layers() { return nullptr; }
};

// A driver before it has a host: it names its tools and reads the programs' version.
class Driver {
 public:
  virtual ~Driver() = default;
  // PROGRAM_NOT_FOUND, VERSION_UNSUPPORTED (an unknown newer major, unless settings allow it).
  virtual Result<DatastoreInfo> Detect(const ServerSettings& settings) = 0;
  virtual os::ToolTable Tools(const ServerSettings& settings, const DatastoreInfo& info) = 0;
  // `host` outlives the datastore.
  virtual std::unique_ptr<Datastore> Open(const ServerSettings& settings, const DatastoreInfo& info,
                                          os::InstanceHost& host) = 0;
};

}  // namespace dbagent::datastore
