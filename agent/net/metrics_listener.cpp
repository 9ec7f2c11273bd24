#include "agent/net/metrics_listener.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "agent/os/files.h"
#include "agent/telemetry/log.h"

namespace dbagent::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Protocol = asio::generic::stream_protocol;  // TCP and Unix sockets are one to us
using boost::system::error_code;

constexpr std::uint32_t kMostHeadBytes = 4096;
constexpr std::chrono::milliseconds kAcceptPause{200};

http::response<http::string_body> Answer(const http::request<http::empty_body>& request,
                                         const std::function<std::string()>& render) {
  http::response<http::string_body> answer(http::status::ok, 11);
  answer.set(http::field::content_type, "text/plain; charset=utf-8");
  const boost::beast::string_view path = request.target().substr(0, request.target().find('?'));
  if (path != "/metrics") {
    answer.result(http::status::not_found);
    answer.body() = "there is only /metrics here\n";
  } else if (request.method() != http::verb::get) {
    answer.result(http::status::method_not_allowed);
    answer.set(http::field::allow, "GET");
    answer.body() = "only GET is allowed\n";
  } else {
    answer.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    answer.body() = render();
  }
  answer.keep_alive(false);
  answer.prepare_payload();
  return answer;
}

class Listener;

// One connection, from accept to close; lives as long as something of it is under way.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Protocol::socket socket, const std::shared_ptr<std::function<std::string()>>& render,
             std::function<void()> ended)
      : stream_(std::move(socket)), render_(render), ended_(std::move(ended)) {
    parser_.header_limit(kMostHeadBytes);
    parser_.body_limit(0);
  }
  ~Connection() { ended_(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Begin(std::chrono::milliseconds budget) {
    stream_.expires_after(budget);  // for all of it: a slow reader gets no more by reading a little
    http::async_read(
        stream_, buffer_, parser_,
        [self = shared_from_this()](error_code error, std::size_t) { self->HasRead(error); });
  }

 private:
  void HasRead(error_code error) {
    if (error == http::error::body_limit || error == http::error::header_limit ||
        error == http::error::buffer_overflow) {
      return Refuse(error == http::error::body_limit
                        ? http::status::payload_too_large
                        : http::status::request_header_fields_too_large);
    }
    if (error == http::error::end_of_stream || error == boost::beast::error::timeout ||
        error == asio::error::connection_reset || error == http::error::partial_message)
      return;
    if (error) return Refuse(http::status::bad_request);
    Write(Answer(parser_.get(), *render_));
  }
  void Refuse(http::status status) {
    http::response<http::string_body> answer(status, 11);
    answer.keep_alive(false);
    answer.prepare_payload();
    Write(std::move(answer));
  }
  void Write(http::response<http::string_body> answer) {
    answer_ = std::move(answer);
    http::async_write(stream_, answer_, [self = shared_from_this()](error_code, std::size_t) {
      error_code ignored;
      self->stream_.socket().shutdown(asio::socket_base::shutdown_both, ignored);
    });
  }

  boost::beast::basic_stream<Protocol> stream_;
  boost::beast::flat_buffer buffer_{2 * std::size_t{kMostHeadBytes}};
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> answer_;
  const std::shared_ptr<std::function<std::string()>> render_;
  const std::function<void()> ended_;
};

class Listener : public MetricsListener {
 public:
  Listener(asio::io_context& io, config::MetricsListener where, std::function<std::string()> render,
           std::chrono::milliseconds budget)
      : where_(std::move(where)),
        budget_(budget),
        render_(std::make_shared<std::function<std::string()>>(std::move(render))),
        acceptor_(io),
        pause_(io) {}
  ~Listener() override {
    *alive_ = false;
    if (listening_ && !where_.socket.empty()) unlink(where_.socket.c_str());
  }

  Status Listen() {
    const error_code error = where_.socket.empty() ? ListenTcp() : ListenLocal();
    if (error) {
      return Error(Code::kUnavailable, "LISTEN_FAILED", "unable to listen on '{}': {}",
                   where_.text(), error.message())
          .WithHint("see metrics.listen in the settings");
    }
    listening_ = true;
    Accept();
    return Ok();
  }
  std::uint16_t port() const override { return port_; }

 private:
  error_code ListenTcp() {
    error_code error;
    const asio::ip::address address = asio::ip::make_address(where_.address, error);
    if (error) return error;
    const asio::ip::tcp::endpoint endpoint(address, where_.port);
    acceptor_.open(Protocol(endpoint.protocol()), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return error;
    const Protocol::endpoint bound = acceptor_.local_endpoint(error);
    if (error) return error;
    asio::ip::tcp::endpoint own;
    own.resize(bound.size());
    std::copy_n(reinterpret_cast<const char*>(bound.data()), bound.size(),
                reinterpret_cast<char*>(own.data()));
    port_ = own.port();
    return error;
  }
  // One agent runs on the volume (its lock is ours), so a socket that lies here is a dead one's.
  error_code ListenLocal() {
    error_code error;
    struct stat info {};
    if (lstat(where_.socket.c_str(), &info) == 0) {
      if (!S_ISSOCK(info.st_mode)) return asio::error::address_in_use;
      if (unlink(where_.socket.c_str()) != 0) return {errno, boost::system::system_category()};
    }
    const asio::local::stream_protocol::endpoint endpoint(where_.socket.native());
    acceptor_.open(Protocol(endpoint.protocol()), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error && chmod(where_.socket.c_str(), 0666) != 0)
      error.assign(errno, boost::system::system_category());
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    return error;
  }

  void Accept() {
    accepting_ = true;
    acceptor_.async_accept([this, alive = alive_](error_code error, Protocol::socket socket) {
      if (!*alive || error == asio::error::operation_aborted) return;
      accepting_ = false;
      if (error) {
        telemetry::LogWarning("metrics.accept_failed",
                              "a connection for metrics could not be accepted: " + error.message());
        return AcceptLater();
      }
      ++open_;
      std::make_shared<Connection>(std::move(socket), render_, [this, alive] {
        if (!*alive) return;
        --open_;
        if (!accepting_) Accept();
      })->Begin(budget_);
      if (open_ < kConnections && !accepting_) Accept();
    });
  }
  // Without descriptors every accept fails at once.
  void AcceptLater() {
    accepting_ = true;
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this, alive = alive_](error_code error) {
      if (*alive && !error) Accept();
    });
  }

  const config::MetricsListener where_;
  const std::chrono::milliseconds budget_;
  const std::shared_ptr<std::function<std::string()>> render_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  asio::basic_socket_acceptor<Protocol> acceptor_;
  asio::steady_timer pause_;
  std::uint16_t port_ = 0;
  unsigned open_ = 0;
  bool accepting_ = false, listening_ = false;
};

}  // namespace

Result<std::unique_ptr<MetricsListener>> MetricsListener::Open(asio::io_context& io,
                                                               const config::MetricsListener& where,
                                                               std::function<std::string()> render,
                                                               std::chrono::milliseconds budget) {
  auto made = std::make_unique<Listener>(io, where, std::move(render), budget);
  RETURN_IF_ERROR(made->Listen());
  return std::unique_ptr<MetricsListener>(std::move(made));
}

}  // namespace dbagent::net
