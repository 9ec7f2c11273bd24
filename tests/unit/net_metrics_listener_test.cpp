#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <future>
#include <thread>

#include "agent/base/unique_fd.h"
#include "agent/net/metrics_listener.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::net {
namespace {

using std::chrono::milliseconds;

// A listener whose io_context runs in a thread of its own.
class MetricsOverHttp : public testing::Test {
 protected:
  ~MetricsOverHttp() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  Status Listen(const config::MetricsListener& where, milliseconds budget = milliseconds(5000)) {
    auto opened = MetricsListener::Open(
        io_, where, [this] { return text_; }, budget);
    RETURN_IF_ERROR(opened.status());
    listener_ = *std::move(opened);
    thread_ = std::thread([this] { io_.run(); });
    return Ok();
  }
  UniqueFd Connect() const {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(listener_->port());
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    Bound(fd);
    return fd;
  }
  static UniqueFd ConnectTo(const std::filesystem::path& path) {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    Bound(fd);
    return fd;
  }
  static void Bound(const UniqueFd& fd) {
    const timeval span{20, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span);
  }
  // Everything until the other side ends.
  static std::string ReadAll(const UniqueFd& fd) {
    std::string all;
    char buffer[4096];
    for (;;) {
      const ssize_t got = recv(fd.get(), buffer, sizeof buffer, 0);
      if (got <= 0) return all;
      all.append(buffer, static_cast<std::size_t>(got));
    }
  }
  static std::string Exchange(const UniqueFd& fd, const std::string& request) {
    EXPECT_EQ(send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    return ReadAll(fd);
  }
  std::string Ask(const std::string& request) { return Exchange(Connect(), request); }

  static config::MetricsListener Loopback() { return {{}, "127.0.0.1", 0}; }

  boost::asio::io_context io_{1};
  std::string text_ = "a_metric 1\n";
  std::unique_ptr<MetricsListener> listener_;
  std::thread thread_;
};

constexpr const char* kGet = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(MetricsOverHttp, GetAnswersTheText) {
  ASSERT_OK(Listen(Loopback()));
  const std::string answer = Ask(kGet);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\na_metric 1\n"));
  EXPECT_TRUE(Ask("GET /metrics?format=x HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_F(MetricsOverHttp, AnswersOverAUnixSocketThatEverybodyMayOpen) {
  const tests::TempDir directory;
  const config::MetricsListener where{directory / "metrics", "", 0};
  ASSERT_OK(Listen(where));
  struct stat info {};
  ASSERT_EQ(stat(where.socket.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0666U);
  EXPECT_TRUE(Exchange(ConnectTo(where.socket), kGet).ends_with("a_metric 1\n"));
  io_.stop();
  thread_.join();
  listener_.reset();
  EXPECT_NE(stat(where.socket.c_str(), &info), 0) << "the socket stays behind";
}

TEST_F(MetricsOverHttp, ASocketOfADeadAgentIsReplacedAFileOfSomebodyIsNot) {
  const tests::TempDir directory;
  const config::MetricsListener where{directory / "metrics", "", 0};
  std::ofstream(where.socket) << "precious";
  const Status refused = Listen(where);
  EXPECT_EQ(refused.reason(), "LISTEN_FAILED");
  EXPECT_TRUE(std::filesystem::exists(where.socket));
  std::filesystem::remove(where.socket);
  {
    const UniqueFd dead(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    where.socket.native().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_OK(Listen(where));
  EXPECT_TRUE(Exchange(ConnectTo(where.socket), kGet).ends_with("a_metric 1\n"));
}

TEST_F(MetricsOverHttp, OtherPathsAndMethodsAreRefused) {
  ASSERT_OK(Listen(Loopback()));
  EXPECT_TRUE(Ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(Ask("GET /metrics/../x HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 404 "));
  const std::string answer = Ask("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 405 ")) << answer;
  EXPECT_NE(answer.find("Allow: GET\r\n"), std::string::npos);
}

TEST_F(MetricsOverHttp, BadInputIsRefusedAndTheNextOneIsAnswered) {
  ASSERT_OK(Listen(Loopback()));
  const std::string bad[] = {
      "nonsense\r\n\r\n",
      "GET /metrics HTTP/9.9\r\n\r\n",
      std::string("GET /met\0rics HTTP/1.1\r\n\r\n", 26),
      "GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "POST /metrics HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n",
      "GET /" + std::string(5000, 'a') + " HTTP/1.1\r\n\r\n",
      "GET /metrics HTTP/1.1\r\nX: " + std::string(5000, 'a') + "\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01",  // TLS: too short to be told from a slow client
  };
  for (const std::string& request : bad) {
    const UniqueFd fd = Connect();
    ASSERT_GT(send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
    shutdown(fd.get(), SHUT_WR);
    const std::string answer = ReadAll(fd);
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 4")) << request << answer;
    EXPECT_TRUE(Ask(kGet).ends_with("a_metric 1\n")) << request;
  }
}

TEST_F(MetricsOverHttp, ASlowClientIsCutOffAndKeepsNobodyWaiting) {
  ASSERT_OK(Listen(Loopback(), milliseconds(500)));
  const UniqueFd slow = Connect();
  ASSERT_EQ(send(slow.get(), "GET /m", 6, MSG_NOSIGNAL), 6);
  EXPECT_TRUE(Ask(kGet).ends_with("a_metric 1\n"));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(ReadAll(slow), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
}

TEST_F(MetricsOverHttp, AClientThatDoesNotReadIsCutOff) {
  text_ = std::string(64U << 20U, 'x');  // more than sockets hold
  ASSERT_OK(Listen(Loopback(), milliseconds(500)));
  const UniqueFd idle = Connect();
  ASSERT_GT(send(idle.get(), kGet, strlen(kGet), MSG_NOSIGNAL), 0);
  std::this_thread::sleep_for(milliseconds(1500));
  EXPECT_LT(ReadAll(idle).size(), text_.size());
}

TEST_F(MetricsOverHttp, ClientsBeyondTheLimitWaitUntilOthersAreCutOff) {
  ASSERT_OK(Listen(Loopback(), milliseconds(1000)));
  std::vector<UniqueFd> idle;
  for (unsigned i = 0; i < 4 * MetricsListener::kConnections; ++i) idle.push_back(Connect());
  // they come in lots of kConnections, each of which is cut off
  EXPECT_TRUE(Ask(kGet).ends_with("a_metric 1\n"));
}

TEST_F(MetricsOverHttp, AnAddressInUseIsTold) {
  ASSERT_OK(Listen(Loopback()));
  boost::asio::io_context other;
  const auto second = MetricsListener::Open(other, {{}, "127.0.0.1", listener_->port()},
                                            [] { return std::string(); });
  EXPECT_EQ(second.status().reason(), "LISTEN_FAILED");
  EXPECT_NE(second.status().message().find("127.0.0.1:"), std::string::npos);
}

}  // namespace
}  // namespace dbagent::net
