#include "datastores/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace dbagent::datastore {
namespace {

struct OpenLog {
  UniqueFd fd;  // invalid: none
  std::uint64_t size = 0;
};

OpenLog Open(const os::Path& log) {
  OpenLog opened{
      UniqueFd(open(log.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC))};
  struct stat facts {};
  if (!opened.fd.valid() || fstat(opened.fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode))
    return {};
  opened.size = static_cast<std::uint64_t>(facts.st_size);
  return opened;
}

}  // namespace

std::uint64_t LogSize(const os::Path& log) {
  return Open(log).size;
}

std::string LogSince(const os::Path& log, std::uint64_t from, std::uint64_t most) {
  const OpenLog opened = Open(log);
  if (!opened.fd.valid()) return {};
  if (opened.size < from) from = 0;
  from = std::max(from, opened.size - std::min(opened.size, most));
  std::string text(opened.size - from, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = pread(opened.fd.get(), text.data() + done, text.size() - done,
                              static_cast<off_t>(from + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

}  // namespace dbagent::datastore
