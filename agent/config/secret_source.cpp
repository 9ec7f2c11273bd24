#include "agent/config/secret_source.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "agent/base/unique_fd.h"

namespace dbagent::config {
namespace {

constexpr std::size_t kLongest = 64U << 10U;

Result<std::filesystem::path> PathOf(const SecretSource& source) {
  if (!source.file.empty()) return source.file;
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr) {
    return Error(Code::kFailedPrecondition, "SECRET_UNREADABLE",
                 "unable to read credential '{}': the agent was given no credentials",
                 source.credential)
        .WithHint("add LoadCredential= or LoadCredentialEncrypted= to the unit");
  }
  return std::filesystem::path(directory) / source.credential;
}

}  // namespace

std::string SecretSource::Describe() const {
  if (!file.empty()) return "file '" + file.native() + "'";
  return credential.empty() ? "nothing" : "credential '" + credential + "'";
}

Result<Secret> ReadSecret(const SecretSource& source) {
  ASSIGN_OR_RETURN(const std::filesystem::path path, PathOf(source));
  const auto unreadable = [&](std::string_view why) {
    return Error(Code::kFailedPrecondition, "SECRET_UNREADABLE", "unable to read {}: {}",
                 source.Describe(), why);
  };
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return unreadable(strerror(errno));
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return unreadable(strerror(errno));
  if (!S_ISREG(info.st_mode)) return unreadable("it is no regular file");
  if (info.st_uid != 0 && info.st_uid != geteuid())
    return unreadable("it belongs to another user than root and the agent's")
        .WithHint("chown it to the agent's user");
  // systemd itself guards its credentials, by an access list that shows as bits of the group
  if (!source.file.empty() && (info.st_mode & 077U) != 0)
    return unreadable("others than its owner may use it")
        .WithHint("chmod 0600 " + source.file.native());
  std::string text(kLongest + 1, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  std::size_t end = have;
  while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r')) --end;
  Secret secret(std::string_view(text).substr(0, end));
  explicit_bzero(text.data(), text.size());
  if (have > kLongest) return unreadable("it has more than 64 KiB");
  if (secret.empty()) return unreadable("it is empty");
  return secret;
}

}  // namespace dbagent::config
