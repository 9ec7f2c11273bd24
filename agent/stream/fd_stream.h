#pragma once

#include <string>

#include "agent/base/unique_fd.h"
#include "agent/stream/stream.h"

namespace dbagent::stream {

// A pipe whose ends are close-on-exec.
struct Pipe {
  UniqueFd read_end, write_end;
};
Result<Pipe> MakePipe();

// Reads and writes a pipe, a socket or a file; stops promptly when ctx does (poll with an event
// descriptor, so the descriptor is made non-blocking). `name` stands in errors.
class FdSource : public Source {
 public:
  FdSource(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  Result<std::size_t> Read(const OpContext& ctx, std::span<std::byte> buffer) override;

 private:
  UniqueFd fd_;
  std::string name_;
};

// A reader that went away is PEER_CLOSED (SIGPIPE is ignored in the agent).
class FdSink : public Sink {
 public:
  FdSink(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  Status Write(const OpContext& ctx, Bytes data) override;
  void Close() { fd_.Reset(); }  // the reader sees the end

 private:
  UniqueFd fd_;
  std::string name_;
};

}  // namespace dbagent::stream
