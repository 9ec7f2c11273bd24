#include "agent/config/settings.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <thread>

#include "agent/base/url.h"
#include "agent/config/methods.h"
#include "agent/config/store_reader.h"
#include "agent/config/yaml_reader.h"
#include "agent/os/files.h"

namespace dbagent::config {
namespace {

constexpr std::size_t kLongestSocketPath = 107;  // sockaddr_un.sun_path less its NUL

Roles BuiltInRoles() {
  Roles roles = {{"admin", {"*"}}, {"viewer", {}}};
  for (const Method& method : AllMethods()) {
    if (!method.mutating) roles["viewer"].emplace_back(method.name);
  }
  return roles;
}

// `*`, a method, or every method of a service that exists.
bool IsMethodPattern(const std::string& pattern) {
  if (pattern == "*") return true;
  const bool whole_service = pattern.ends_with("/*");
  const std::string prefix = pattern.substr(0, pattern.size() - 1);
  return std::any_of(AllMethods().begin(), AllMethods().end(), [&](const Method& method) {
    return whole_service ? method.name.starts_with(prefix) : method.name == pattern;
  });
}

void ReadInstance(Section section, Settings& out) {
  section.AbsolutePath("volume", out.volume, true);
  section.AbsolutePath("runtime_directory", out.runtime_directory, true);
  section.Text("id", out.instance_id);
  std::string mode = "direct", manager = "child";
  section.OneOf("mode", mode, {"direct", "separate"});
  section.OneOf("service_manager", manager, {"child", "systemd"});
  const bool separate = mode == "separate", systemd = manager == "systemd";
  SeparateSettings users;
  section.Text("user", users.user, separate);
  section.Text("server_user", users.server_user, separate);
  section.AbsolutePath("helper", users.helper, separate);
  section.Text("unit", users.unit, systemd);
  section.AbsolutePath("server_log", users.server_log, systemd);
  if (separate && !users.user.empty() && users.user == users.server_user) {
    section.reader().Report(section.node()["server_user"],
                            "'instance.server_user' must be another than 'instance.user'",
                            "mode direct is for one user who is both");
  }
  if (systemd && !separate) {
    section.reader().Report(section.node()["service_manager"],
                            "'instance.service_manager' can be systemd only in mode separate",
                            "systemd's units are root's to start, which is dbagent-helper's part");
  }
  if (separate) out.separate = users;
  section.Finish();
}

void ReadDatastore(Section section, DatastoreSettings& out) {
  section.OneOf("driver", out.driver, {"mysql", "postgresql"}, true);
  section.AbsolutePath("module_directory", out.module_directory, true);
  section.AbsolutePath("programs", out.programs);
  std::uint64_t port = out.driver == "postgresql" ? 5432 : 3306;
  section.Number("port", 1, 65535, port);
  out.port = static_cast<std::uint16_t>(port);
  section.TextList("bind_addresses", out.bind_addresses);
  section.Flag("allow_unknown_major", out.allow_unknown_major);
  section.Finish();
}

void CheckRole(Reader& reader, const Section& section, const std::string& role,
               const Roles& roles) {
  if (role.empty() || roles.contains(role)) return;
  std::string names;
  for (const auto& known : roles) names += (names.empty() ? "" : ", ") + known.first;
  reader.Report(section.node()["role"], fmt::format("no role '{}'", role), "known roles: " + names);
}

std::optional<std::uint32_t> UidOf(const std::string& user) {
  std::uint32_t uid = 0;
  const auto [end, error] = std::from_chars(user.data(), user.data() + user.size(), uid);
  if (error == std::errc() && end == user.data() + user.size()) return uid;
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) return std::nullopt;
  return entry->pw_uid;
}

void ReadLocal(Reader& reader, Section section, const Roles& roles, LocalListener& out) {
  section.AbsolutePath("socket", out.socket, true);
  if (out.socket.native().size() > kLongestSocketPath) {
    reader.Report(section.node()["socket"],
                  fmt::format("'local.socket' has {} bytes, a socket's path can have {}",
                              out.socket.native().size(), kLongestSocketPath));
  }
  section.EachItem("peers", [&](Section item) {
    LocalPeer peer;
    std::string user;
    item.Text("user", user, true);
    item.Text("role", peer.role, true);
    item.Finish();
    CheckRole(reader, item, peer.role, roles);
    if (user.empty()) return;
    const std::optional<std::uint32_t> uid = UidOf(user);
    if (!uid)
      return reader.Report(item.node()["user"], fmt::format("no OS user '{}'", user),
                           "give a user's name or a number");
    peer.uid = *uid;
    out.peers.push_back(peer);
  });
  section.Finish();
}

void ReadRemote(Reader& reader, Section section, const Roles& roles,
                std::optional<RemoteListener>& out) {
  if (!section.present()) return;
  RemoteListener remote;
  section.Text("listen", remote.address, true);
  if (!remote.address.empty() && remote.address.rfind(':') == std::string::npos) {
    reader.Report(section.node()["listen"],
                  fmt::format("'remote.listen' must be address:port, '{}' is not", remote.address),
                  "write it like 0.0.0.0:8443 or [::]:8443");
  }
  section.AbsolutePath("certificate", remote.certificate, true);
  section.AbsolutePath("key", remote.key, true);
  section.AbsolutePath("client_ca", remote.client_ca, true);
  section.EachItem("peers", [&](Section item) {
    RemotePeer peer;
    item.Text("san", peer.san, true);
    item.Text("role", peer.role, true);
    item.Finish();
    CheckRole(reader, item, peer.role, roles);
    remote.peers.push_back(peer);
  });
  section.Finish();
  out = std::move(remote);
}

bool IsLoopback(const std::string& host) {
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24U) == 127;
  in6_addr six{};
  return inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

// What is wrong with it; empty: nothing.
std::string ReadMetricsAddress(const std::string& listen, MetricsListener& out) {
  constexpr std::string_view kUnix = "unix:";
  if (listen.starts_with(kUnix)) {
    out.socket = listen.substr(kUnix.size());
    if (!out.socket.is_absolute()) return "the socket's path must be absolute";
    if (out.socket.native().size() > kLongestSocketPath) {
      return fmt::format("the socket's path has {} bytes, it can have {}",
                         out.socket.native().size(), kLongestSocketPath);
    }
    return {};
  }
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon + 1 == listen.size() ||
      listen.find(']', colon) != std::string::npos)
    return "it is no address:port";
  const Result<Origin> origin = ParseOrigin("http://" + listen);
  if (!origin.ok() || !origin->path.empty()) return "it is no address:port";
  if (!IsLoopback(origin->host))
    return "it is no loopback address, and who asks for figures is not authenticated";
  out.address = origin->host;
  out.port = origin->port;
  return {};
}

void ReadMetrics(Reader& reader, Section section, std::optional<MetricsListener>& out) {
  if (!section.present()) return;
  std::string listen;
  section.Text("listen", listen, true);
  section.Finish();
  if (listen.empty()) return;
  MetricsListener metrics;
  const std::string wrong = ReadMetricsAddress(listen, metrics);
  if (!wrong.empty()) {
    return reader.Report(
        section.node()["listen"], fmt::format("'metrics.listen' is '{}': {}", listen, wrong),
        "write it like 127.0.0.1:9187, [::1]:9187 or unix:/run/dbagent/metrics.sock");
  }
  out = std::move(metrics);
}

void ReadRoles(Reader& reader, Section& root, Roles& out) {
  out = BuiltInRoles();
  root.EachPair("roles", [&](const std::string& name, const YAML::Node& methods) {
    if (BuiltInRoles().contains(name))
      return reader.Report(methods, fmt::format("role '{}' is built in", name),
                           "give yours another name");
    std::vector<std::string> list;
    if (methods.IsSequence()) {
      for (const YAML::Node& method : methods) {
        if (method.IsScalar()) list.push_back(method.Scalar());
      }
    }
    if (list.empty() || list.size() != methods.size()) {
      return reader.Report(methods, fmt::format("role '{}' must be a list of methods", name),
                           "write it like [BackupService/*, OperationService/Get]");
    }
    for (const std::string& method : list) {
      if (!IsMethodPattern(method)) {
        reader.Report(methods, fmt::format("role '{}' has an unknown method '{}'", name, method),
                      "write it like BackupService/List or BackupService/*");
      }
    }
    out[name] = list;
  });
}

void ReadStores(Reader& reader, Section& root, Settings& out) {
  root.EachItem("stores", [&](Section item) {
    StoreSettings store = ReadStore(item);
    const bool twice = std::any_of(out.stores.begin(), out.stores.end(),
                                   [&](const StoreSettings& s) { return s.name == store.name; });
    if (twice)
      reader.Report(item.node(), fmt::format("there are two stores named '{}'", store.name));
    out.stores.push_back(store);
  });
  root.Text("default_store", out.default_store);
  const bool known = std::any_of(out.stores.begin(), out.stores.end(), [&](const StoreSettings& s) {
    return s.name == out.default_store;
  });
  if (!out.default_store.empty() && !known) {
    reader.Report(root.node()["default_store"], fmt::format("no store '{}'", out.default_store),
                  "define it under 'stores'");
  }
  if (out.default_store.empty() && out.stores.size() == 1)
    out.default_store = out.stores.front().name;
}

void ReadRequestTargets(Reader& reader, Section section, TargetRules& out) {
  section.TextList("hosts", out.hosts);
  section.Flag("plain_http", out.plain_http);
  section.Finish();
  for (std::string& host : out.hosts) {
    std::transform(host.begin(), host.end(), host.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const Result<Origin> origin =
        ParseOrigin("https://" + (host.find(':') == std::string::npos ? host : "[" + host + "]"));
    if (host == "*" || (origin.ok() && origin->host == host && origin->path.empty())) continue;
    reader.Report(section.node()["hosts"],
                  fmt::format("'request_targets.hosts' has '{}', which is no host", host),
                  "write a name, which stands for all names below it too, a numeric address, or "
                  "\"*\" for every host; no port, no path");
  }
}

bool IsKeyId(const std::string& id) {
  return !id.empty() && id.size() <= 64 && id != "." && id != ".." &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

void ReadEncryption(Reader& reader, Section section, EncryptionSettings& out) {
  if (!section.present()) return;
  section.EachItem("keys", [&](Section item) {
    KeySettings key;
    item.Text("id", key.id, true);
    item.SecretPlace("key", key.key, true);
    item.Finish();
    if (!key.id.empty() && !IsKeyId(key.id)) {
      reader.Report(item.node()["id"], fmt::format("'{}' cannot be the id of a key", key.id),
                    "letters, digits and - _ . can stand in it, at most 64");
    }
    if (std::any_of(out.keys.begin(), out.keys.end(),
                    [&](const KeySettings& k) { return k.id == key.id; }))
      reader.Report(item.node(), fmt::format("there are two keys '{}'", key.id));
    out.keys.push_back(key);
  });
  section.Text("active", out.active, out.keys.size() > 1);
  if (out.keys.empty()) {
    reader.Report(section.node(), "'encryption' has no keys",
                  "add one, or leave the section out: backups are then not encrypted");
    return;
  }
  if (out.active.empty() && out.keys.size() == 1) out.active = out.keys.front().id;
  const bool known = std::any_of(out.keys.begin(), out.keys.end(),
                                 [&](const KeySettings& k) { return k.id == out.active; });
  if (!out.active.empty() && !known) {
    reader.Report(section.node()["active"], fmt::format("no key '{}'", out.active),
                  "define it under 'encryption.keys'");
  }
  section.Finish();
}

void ReadBackup(Reader& reader, Section section, BackupSettings& out) {
  out.compression_threads = std::clamp(std::thread::hardware_concurrency(), 1U, 16U);
  std::string level = "1";
  section.Text("compression", level);
  out.adaptive_compression = level == "adaptive";
  if (!out.adaptive_compression) {
    const auto [end, error] =
        std::from_chars(level.data(), level.data() + level.size(), out.compression_level);
    if (error != std::errc() || end != level.data() + level.size() || out.compression_level < 1 ||
        out.compression_level > 19) {
      reader.Report(section.node()["compression"],
                    fmt::format("'backup.compression' is '{}'", level),
                    "a level of zstd, 1 to 19, or adaptive");
    }
  }
  std::uint64_t threads = out.compression_threads, uploads = out.uploads;
  section.Number("compression_threads", 1, kMostThreads, threads);
  section.Number("uploads", 1, kMostThreads, uploads);
  out.compression_threads = static_cast<std::uint32_t>(threads);
  out.uploads = static_cast<std::uint32_t>(uploads);
  section.Size("chunk_size", kLeastChunkBytes, 16ULL << 20U, out.chunk_bytes);
  section.Size("rate", 64ULL << 10U, 1ULL << 40U, out.rate);
  section.Flag("polite", out.polite);
  section.Size("read_rate", 64ULL << 10U, 1ULL << 40U, out.read_rate);
  section.Finish();
}

void ReadLimits(Section section, Limits& out) {
  section.Size("message_bytes", 64U << 10U, 64U << 20U, out.message_bytes);
  std::uint64_t calls = out.calls_at_once;
  section.Number("calls_at_once", 1, 10000, calls);
  out.calls_at_once = static_cast<std::uint32_t>(calls);
  section.Size("stream_buffers", 40ULL << 20U, 16ULL << 30U, out.stream_buffers);
  section.Duration("call_timeout", std::chrono::seconds(1), std::chrono::hours(1),
                   out.call_timeout);
  std::uint64_t nice = out.scratch_nice;
  section.Number("scratch_nice", 0, 19, nice);
  out.scratch_nice = static_cast<std::uint32_t>(nice);
  section.Finish();
}

void SortProblems(std::vector<Problem>& problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
}

void ReadDocument(Reader& reader, const YAML::Node& document, Settings& out) {
  Section root(reader, document, "");
  ReadRoles(reader, root, out.roles);
  ReadInstance(root.Child("instance", true), out);
  ReadDatastore(root.Child("datastore", true), out.datastore);
  ReadLocal(reader, root.Child("local", true), out.roles, out.local);
  ReadRemote(reader, root.Child("remote"), out.roles, out.remote);
  ReadMetrics(reader, root.Child("metrics"), out.metrics);
  ReadStores(reader, root, out);
  ReadRequestTargets(reader, root.Child("request_targets"), out.request_targets);
  ReadEncryption(reader, root.Child("encryption"), out.encryption);
  ReadBackup(reader, root.Child("backup"), out.backup);
  ReadLimits(root.Child("limits"), out.limits);
  Section log = root.Child("log");
  std::string level = "info";
  log.OneOf("level", level, {"error", "warning", "info", "debug"});
  log.Finish();
  for (const auto candidate : {telemetry::Level::kError, telemetry::Level::kWarning,
                               telemetry::Level::kInfo, telemetry::Level::kDebug}) {
    if (telemetry::LevelName(candidate) == level) out.log_level = candidate;
  }
  root.Finish();
}

// Everything that is not in live_settings.h's list; each is there, if only as nothing.
void KeepFixed(const YAML::Node& document, std::map<std::string, std::string>& out) {
  for (const char* key :
       {"instance", "datastore", "metrics", "stores", "default_store", "encryption"})
    out[key] = YAML::Dump(document[key]);
  const std::initializer_list<std::pair<const char*, const char*>> parts = {
      {"local", "socket"},          {"remote", "listen"},
      {"remote", "certificate"},    {"remote", "key"},
      {"remote", "client_ca"},      {"limits", "message_bytes"},
      {"limits", "stream_buffers"}, {"limits", "scratch_nice"}};
  for (const auto& [section, key] : parts) {
    const YAML::Node node = document[section];
    out[fmt::format("{}.{}", section, key)] =
        node && node.IsMap() ? YAML::Dump(node[key]) : std::string();
  }
}

}  // namespace

std::string MetricsListener::text() const {
  if (!socket.empty()) return "unix:" + socket.native();
  return fmt::format(fmt::runtime(address.find(':') == std::string::npos ? "{}:{}" : "[{}]:{}"),
                     address, port);
}

Parsed ParseSettings(const std::string& yaml) {
  Parsed parsed;
  try {
    const YAML::Node document = YAML::Load(yaml);
    Reader reader(parsed.problems);
    if (!document.IsMap()) {
      reader.Report(document, "the file must be a mapping of keys to values",
                    "start from settings.example.yaml");
      return parsed;
    }
    ReadDocument(reader, document, parsed.settings);
    KeepFixed(document, parsed.settings.fixed);
  } catch (const YAML::Exception& error) {  // its marks count from 0
    parsed.problems.push_back(
        {error.mark.line + 1, error.mark.column + 1, error.msg, "this is not YAML from here on"});
  }
  SortProblems(parsed.problems);
  return parsed;
}

std::string FormatProblems(const Path& file, const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) {
    text += problem.line > 0 ? fmt::format("{}:{}:{}: error: {}\n", file.native(), problem.line,
                                           problem.column, problem.message)
                             : fmt::format("{}: error: {}\n", file.native(), problem.message);
    if (!problem.hint.empty()) text += fmt::format("  hint: {}\n", problem.hint);
  }
  return text;
}

std::vector<const SecretSource*> SecretsOf(const Settings& settings) {
  std::vector<const SecretSource*> sources;
  for (const StoreSettings& store : settings.stores) {
    for (const SecretSource* source : SecretsOf(store)) sources.push_back(source);
  }
  for (const KeySettings& key : settings.encryption.keys) sources.push_back(&key.key);
  return sources;
}

namespace {

// What the settings point at, so that a wrong mode is told at start and not by the first backup.
void CheckSecrets(Parsed& parsed, SecretCheck which) {
  for (const SecretSource* source : SecretsOf(parsed.settings)) {
    if (which == SecretCheck::kReadFiles && source->file.empty()) continue;
    const Result<Secret> secret = ReadSecret(*source);
    if (secret.ok()) continue;
    parsed.problems.push_back(
        {source->line, source->column, secret.status().message(), secret.status().hint()});
  }
  SortProblems(parsed.problems);
}

}  // namespace

Result<Settings> LoadSettings(const Path& file, SecretCheck secrets) {
  ASSIGN_OR_RETURN(const std::string yaml, os::ReadFile(file, 1U << 20U));
  Parsed parsed = ParseSettings(yaml);
  if (secrets != SecretCheck::kLeave) CheckSecrets(parsed, secrets);
  if (parsed.problems.empty()) return std::move(parsed.settings);
  return Error(Code::kInvalidArgument, "SETTINGS_INVALID", "{}",
               FormatProblems(file, parsed.problems));
}

}  // namespace dbagent::config
