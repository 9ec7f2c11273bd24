#include "agent/ctl/store_options.h"

#include <fcntl.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/base/secret.h"
#include "agent/base/unique_fd.h"

namespace dbagent::ctl {
namespace {

constexpr std::size_t kLongest = 1U << 20U;
constexpr const char* kCredentialsHint =
    R"(S3: {"access_key": "…", "secret_key": "…"}, with temporary keys also "session_token"; )"
    R"(Swift: {"secret": "…"}, of an application credential also "application_credential")";

Status Usage(const std::string& message) {
  return Error(Code::kInvalidArgument, "USAGE", "{}", message);
}

Result<std::string> ReadAll(int fd, const std::string& name) {
  std::string text(kLongest + 1, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = read(fd, text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Usage(fmt::format("unable to read '{}': {}", name, std::strerror(errno)));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  if (have > kLongest)
    return Usage(fmt::format("unable to read '{}': it has more than 1 MiB", name));
  text.resize(have);
  return text;
}

Result<UniqueFd> Open(const std::string& file) {
  UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.valid()) return fd;
  return Usage(fmt::format("unable to read '{}': {}", file, std::strerror(errno)));
}

// As the agent asks it of its own secrets' files.
Status CheckPrivate(int fd, const std::string& file) {
  struct stat info {};
  if (fstat(fd, &info) != 0)
    return Usage(fmt::format("unable to read '{}': {}", file, std::strerror(errno)));
  if (!S_ISREG(info.st_mode) || (info.st_mode & 077U) == 0) return Ok();
  return Usage(fmt::format("unable to use '{}': others than its owner may use it", file))
      .WithHint("chmod 0600 " + file);
}

}  // namespace

void AddStoreOptions(CLI::App& command, StoreOptions& options, const std::string& prefix) {
  CLI::Option* name = command.add_option("--" + prefix + "store", options.name,
                                         "which store; default: the settings' default one");
  CLI::Option* target = command.add_option(
      "--" + prefix + "target", options.target,
      "a store that is not one of the settings: a file with a StoreTarget in JSON "
      "(store.proto), without credentials");
  CLI::Option* credentials = command.add_option(
      "--" + prefix + "credentials", options.credentials,
      "the credentials for --" + prefix + "target: a JSON file that only its owner may read, or -");
  target->excludes(name)->needs(credentials);
  credentials->needs(target);
}

Result<v1::StoreTarget> ReadTarget(const std::string& file) {
  ASSIGN_OR_RETURN(const UniqueFd fd, Open(file));
  ASSIGN_OR_RETURN(std::string json, ReadAll(fd.get(), file));
  v1::StoreTarget target;
  const bool has_secret = json.find("\"credentials\"") != std::string::npos;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &target);
  Wipe(json);
  if (has_secret) {
    return Usage(fmt::format("unable to use '{}': credentials stand in it", file))
        .WithHint("put them into a file of their own (0600) for --credentials");
  }
  if (parsed.ok()) return target;
  return Usage(fmt::format("unable to read '{}' as a StoreTarget: {}", file,
                           std::string(parsed.message())))
      .WithHint(R"(write it like {"s3": {"endpoint": "https://…", "region": "…", "bucket": "…"}, )"
                R"("prefix": "…"})");
}

Result<v1::StoreCredentials> ParseCredentials(const std::string& json, const std::string& name) {
  const auto wrong = [&](const std::string& why) {
    return Usage(fmt::format("unable to read credentials from '{}': {}", name, why))
        .WithHint(kCredentialsHint);
  };
  google::protobuf::Struct object;
  // the parser's own words show a part of the text
  if (!google::protobuf::util::JsonStringToMessage(json, &object).ok())
    return wrong("it is no JSON object");
  v1::StoreCredentials credentials;
  Status problem;
  for (auto& [key, value] : *object.mutable_fields()) {
    std::string* to = nullptr;
    if (key == "access_key") to = credentials.mutable_s3()->mutable_access_key();
    if (key == "secret_key") to = credentials.mutable_s3()->mutable_secret_key();
    if (key == "session_token") to = credentials.mutable_s3()->mutable_session_token();
    if (key == "secret") to = credentials.mutable_swift()->mutable_secret();
    if (key == "application_credential")
      to = credentials.mutable_swift()->mutable_application_credential();
    const bool text = value.kind_case() == google::protobuf::Value::kStringValue;
    if (to != nullptr && text) *to = value.string_value();
    if (problem.ok() && to == nullptr) problem = wrong(fmt::format("unknown key '{}'", key));
    if (problem.ok() && !text) problem = wrong(fmt::format("'{}' is no text", key));
    if (text) Wipe(*value.mutable_string_value());
  }
  if (!problem.ok()) return problem;
  if (credentials.kind_case() == v1::StoreCredentials::KIND_NOT_SET) return wrong("it has none");
  return credentials;
}

Result<v1::StoreCredentials> ReadCredentials(const std::string& file) {
  if (file == "-") {
    ASSIGN_OR_RETURN(std::string json, ReadAll(STDIN_FILENO, "standard input"));
    Result<v1::StoreCredentials> read = ParseCredentials(json, "standard input");
    Wipe(json);
    return read;
  }
  ASSIGN_OR_RETURN(const UniqueFd fd, Open(file));
  RETURN_IF_ERROR(CheckPrivate(fd.get(), file));
  ASSIGN_OR_RETURN(std::string json, ReadAll(fd.get(), file));
  Result<v1::StoreCredentials> read = ParseCredentials(json, file);
  Wipe(json);
  return read;
}

}  // namespace dbagent::ctl
