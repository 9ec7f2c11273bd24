#include "tests/support/scrape.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <sstream>

#include "agent/base/unique_fd.h"

namespace dbagent::tests {

std::optional<double> SampleOf(const std::string& text, const std::string& name,
                               const std::map<std::string, std::string>& labels) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    std::string rest = line.substr(name.size());
    std::map<std::string, std::string> found;
    if (rest.starts_with('{')) {
      const std::size_t end = rest.rfind('}');
      std::istringstream pairs(rest.substr(1, end - 1));
      for (std::string pair; std::getline(pairs, pair, ',');) {
        const std::size_t equals = pair.find("=\"");
        found[pair.substr(0, equals)] = pair.substr(equals + 2, pair.size() - equals - 3);
      }
      rest = rest.substr(end + 1);
    }
    if (rest.starts_with(' ') && found == labels) return std::strtod(rest.c_str(), nullptr);
  }
  return std::nullopt;
}

std::string Scrape(const std::filesystem::path& socket) {
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval span{20, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.native().copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
  std::string all;
  char buffer[65536];
  for (ssize_t got = 0; (got = recv(fd.get(), buffer, sizeof buffer, 0)) > 0;)
    all.append(buffer, static_cast<std::size_t>(got));
  const std::size_t head = all.find("\r\n\r\n");
  return all.starts_with("HTTP/1.1 200 ") && head != std::string::npos ? all.substr(head + 4) : "";
}

}  // namespace dbagent::tests
