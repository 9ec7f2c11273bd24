#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>

#include "agent/base/result.h"
#include "agent/os/files.h"

namespace dbagent::daemon {

// Accepts on the local socket and hands each connection's descriptor on. The socket's file is 0666:
// who may use it is decided by SO_PEERCRED, not by the file's mode.
class LocalListener {
 public:
  // `take` owns the descriptor. LISTEN_FAILED.
  static Result<std::unique_ptr<LocalListener>> Open(boost::asio::io_context& io,
                                                     const os::Path& socket,
                                                     std::function<void(int)> take);
  ~LocalListener();

 private:
  LocalListener(boost::asio::io_context& io, os::Path socket, std::function<void(int)> take);
  void Accept();

  boost::asio::local::stream_protocol::acceptor acceptor_;
  const os::Path socket_;
  std::function<void(int)> take_;
};

}  // namespace dbagent::daemon
