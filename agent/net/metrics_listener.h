#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "agent/base/result.h"
#include "agent/config/settings.h"

namespace dbagent::net {

// Answers `GET /metrics` over HTTP/1.1, one request a connection; 404 and 405 to anything else. It
// is for this machine alone: a loopback address, or a Unix socket (0666; the mode of its directory
// says who gets there). The figures name no database and no user.
//
// All of it runs on `io`'s one thread, and is bounded: a request's head has at most 4 KiB, a body
// is refused, at most 8 connections are open (more wait to be accepted), and one that is not over
// after `budget` is cut off.
class MetricsListener {
 public:
  static constexpr unsigned kConnections = 8;

  // `render` makes the text, on io's thread. LISTEN_FAILED. Destroy it on io's thread, or when io
  // does not run.
  static Result<std::unique_ptr<MetricsListener>> Open(
      boost::asio::io_context& io, const config::MetricsListener& where,
      std::function<std::string()> render,
      std::chrono::milliseconds budget = std::chrono::seconds(10));
  virtual ~MetricsListener() = default;
  virtual std::uint16_t port() const = 0;  // of TCP
};

}  // namespace dbagent::net
