#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/config/store_settings.h"
#include "agent/telemetry/log.h"

// The agent's own settings, from one YAML file. settings.example.yaml beside this file shows and
// explains every key; a test reads it.
namespace dbagent::config {

using Path = std::filesystem::path;

struct DatastoreSettings {
  std::string driver;      // `mysql`, `postgresql`
  Path module_directory;   // where datastore_<driver>.so lies
  Path programs;           // of the server; empty: the driver looks
  std::uint16_t port = 0;  // 0: 3306 or 5432
  std::vector<std::string> bind_addresses{"127.0.0.1"};
  bool allow_unknown_major = false;
};

// Mode `separate`: the agent and the server are two OS users, and dbagent-helper does what needs
// the server's rights.
struct SeparateSettings {
  std::string user, server_user;  // the agent's, the server's
  Path helper;                    // dbagent-helper's socket
  std::string unit;               // of systemd's; empty: the helper runs the server itself
  Path server_log;                // where the unit has the server's output written
};

struct LocalPeer {
  std::uint32_t uid = 0;
  std::string role;
};

struct LocalListener {
  Path socket;
  std::vector<LocalPeer> peers;
};

struct RemotePeer {
  std::string san;  // a DNS name, URI or IP of the client's certificate, compared whole
  std::string role;
};

struct RemoteListener {
  std::string address;  // host:port
  Path certificate, key, client_ca;
  std::vector<RemotePeer> peers;
};

// Where figures for Prometheus are served, to this machine alone.
struct MetricsListener {
  Path socket;          // a Unix socket, or
  std::string address;  // a loopback address, as a number, and
  std::uint16_t port = 0;

  std::string text() const;  // as the settings have it
};

// Role → the methods that it may call: `BackupService/List`, `BackupService/*`, `*`.
using Roles = std::map<std::string, std::vector<std::string>>;

// A key that wraps the data keys of backups: 64 hexadecimal digits.
struct KeySettings {
  std::string id;
  SecretSource key;
};

struct EncryptionSettings {
  std::vector<KeySettings> keys;
  std::string active;  // wraps new backups; empty: there are no keys, and backups are not encrypted
};

inline constexpr std::uint64_t kLeastChunkBytes = 64ULL << 10U;
inline constexpr std::uint32_t kMostThreads = 64;

// How backups are made, unless a request says otherwise.
struct BackupSettings {
  int compression_level = 1;
  bool adaptive_compression = false;
  std::uint32_t compression_threads = 2;  // the machine's cores, at most 16, unless set
  std::uint32_t uploads = 4;
  std::uint64_t chunk_bytes = 0;  // 0: grows with the stream
  std::uint64_t rate = 0;         // bytes of the source a second; 0: as fast as it goes
  bool polite = false;
  std::uint64_t read_rate = 0;  // stored bytes that a restore or verification reads a second
};

struct Limits {
  std::uint64_t message_bytes = 4ULL << 20U;
  std::uint32_t calls_at_once = 64;
  std::uint64_t stream_buffers = 64ULL << 20U;
  std::chrono::seconds call_timeout{60};  // of a quick call whose caller set no deadline
  std::uint32_t scratch_nice = 19;        // of a scratch server
};

struct Settings {
  Path volume;
  Path runtime_directory;
  std::string instance_id;                   // of the volume's instance; empty: any
  std::optional<SeparateSettings> separate;  // nothing: mode `direct`
  DatastoreSettings datastore;
  LocalListener local;
  std::optional<RemoteListener> remote;
  std::optional<MetricsListener> metrics;
  Roles roles;  // built-in ones included
  std::vector<StoreSettings> stores;
  std::string default_store;
  TargetRules request_targets;
  EncryptionSettings encryption;
  BackupSettings backup;
  Limits limits;
  telemetry::Level log_level = telemetry::Level::kInfo;
  // What a running agent cannot take over (live_settings.h): key → its text.
  std::map<std::string, std::string> fixed;
};

// One thing wrong with the file. Lines and columns count from 1; 0: the file as a whole.
struct Problem {
  int line = 0, column = 0;
  std::string message, hint;
};

struct Parsed {
  Settings settings;  // meaningful when there are no problems
  std::vector<Problem> problems;
};

// All problems at once: syntax, unknown and duplicate keys, wrong types, missing keys, values out
// of range.
Parsed ParseSettings(const std::string& yaml);

// Reads and parses; problems become one error, SETTINGS_INVALID, whose message is the
// compiler-style list
// `<file>:<line>:<column>: error: …` with `hint:` lines.
//
// kRead also tries whether each secret that they point at can be read; kReadFiles leaves out the
// credentials, which systemd gives to the agent's unit alone. kLeave is for what needs none and is
// given none: the helper's unit has not the agent's credentials.
enum class SecretCheck : char { kRead, kReadFiles, kLeave };
Result<Settings> LoadSettings(const Path& file, SecretCheck secrets = SecretCheck::kRead);
// Where the secrets of stores and encryption are; valid as long as `settings`.
std::vector<const SecretSource*> SecretsOf(const Settings& settings);
std::string FormatProblems(const Path& file, const std::vector<Problem>& problems);

}  // namespace dbagent::config
