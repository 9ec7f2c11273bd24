#include "agent/daemon/local_listener.h"

#include <sys/stat.h>
#include <unistd.h>

#include "agent/telemetry/log.h"

namespace dbagent::daemon {

using boost::asio::local::stream_protocol;

LocalListener::LocalListener(boost::asio::io_context& io, os::Path socket,
                             std::function<void(int)> take)
    : acceptor_(io), socket_(std::move(socket)), take_(std::move(take)) {}

LocalListener::~LocalListener() {
  unlink(socket_.c_str());
}

Result<std::unique_ptr<LocalListener>> LocalListener::Open(boost::asio::io_context& io,
                                                           const os::Path& socket,
                                                           std::function<void(int)> take) {
  RETURN_IF_ERROR(os::MakeDirectories(socket.parent_path(), 0755));
  // One agent runs on the volume (its lock is ours), so a socket that lies here is a dead one's.
  RETURN_IF_ERROR(os::RemoveFile(socket));
  std::unique_ptr<LocalListener> made(new LocalListener(io, socket, std::move(take)));
  boost::system::error_code error;
  made->acceptor_.open(stream_protocol(), error);
  if (!error) made->acceptor_.bind(stream_protocol::endpoint(socket.native()), error);
  if (!error) made->acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
  if (!error && chmod(socket.c_str(), 0666) != 0)
    error.assign(errno, boost::system::system_category());
  if (error) {
    return Error(Code::kUnavailable, "LISTEN_FAILED", "unable to listen on '{}': {}",
                 socket.native(), error.message())
        .WithHint("see local.socket in the settings");
  }
  made->Accept();
  return made;
}

void LocalListener::Accept() {
  acceptor_.async_accept(
      [this](boost::system::error_code error, stream_protocol::socket connection) {
        if (error == boost::asio::error::operation_aborted) return;
        if (error) {
          telemetry::LogWarning(
              "local.accept_failed",
              "a connection to the local socket could not be accepted: " + error.message());
        } else {
          const int fd = connection.release(error);
          if (!error) take_(fd);
        }
        Accept();
      });
}

}  // namespace dbagent::daemon
