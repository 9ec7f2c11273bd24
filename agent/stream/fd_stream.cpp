#include "agent/stream/fd_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <thread>

#include "agent/base/redact.h"

namespace dbagent::stream {
namespace {

// A tool writes a few KiB at a time. Who waits for each wakes up for each, and has the tool wake
// him; after this pause the pipe holds many.
constexpr auto kGather = std::chrono::microseconds(500);

Status StreamError(std::string_view verb, const std::string& name, int error) {
  if (error == EPIPE) {
    return Error(Code::kAborted, "PEER_CLOSED", "unable to {} '{}': its reader went away", verb,
                 name);
  }
  const bool full = error == ENOSPC || error == EDQUOT;
  return Error(full ? Code::kResourceExhausted : Code::kInternal, full ? "NO_SPACE" : "IO_ERROR",
               "unable to {} '{}': {}", verb, name, std::strerror(error));
}

// Waits until `fd` is ready for `events` or ctx ends.
Status WaitReady(const OpContext& ctx, int fd, short events, std::string_view verb,
                 const std::string& name) {
  const UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return StreamError(verb, name, errno);
  const std::stop_callback on_stop(ctx.stop(), [&] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written =
        write(wake.get(), &one, sizeof one);  // cannot fill up: written once
  });
  for (;;) {
    RETURN_IF_ERROR(ctx.Poll());
    pollfd fds[2] = {{fd, events, 0}, {wake.get(), POLLIN, 0}};
    const int ready =
        poll(fds, 2, static_cast<int>(ctx.deadline().Remaining(std::chrono::minutes(1)).count()));
    if (ready < 0 && errno != EINTR) return StreamError(verb, name, errno);
    if (ready > 0 && fds[0].revents != 0) return Ok();
  }
}

Status MakeNonBlocking(int fd, std::string_view verb, const std::string& name) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
    return StreamError(verb, name, errno);
  return Ok();
}

}  // namespace

Result<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return StreamError("make", "a pipe", errno);
  fcntl(fds[0], F_SETPIPE_SZ, 1 << 20);  // fewer switches; the default also works
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<std::size_t> FdSource::Read(const OpContext& ctx, std::span<std::byte> buffer) {
  RETURN_IF_ERROR(MakeNonBlocking(fd_.get(), "read", name_));
  for (;;) {
    RETURN_IF_ERROR(ctx.Poll());
    const ssize_t got = read(fd_.get(), buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) {
      RETURN_IF_ERROR(WaitReady(ctx, fd_.get(), POLLIN, "read", name_));
      std::this_thread::sleep_for(kGather);
    } else if (errno != EINTR) {
      return StreamError("read", name_, errno);
    }
  }
}

Status FdSink::Write(const OpContext& ctx, Bytes data) {
  RETURN_IF_ERROR(MakeNonBlocking(fd_.get(), "write", name_));
  while (!data.empty()) {
    RETURN_IF_ERROR(ctx.Poll());
    const ssize_t put = write(fd_.get(), data.data(), data.size());
    if (put >= 0) {
      data = data.subspan(static_cast<std::size_t>(put));
    } else if (errno == EAGAIN) {
      RETURN_IF_ERROR(WaitReady(ctx, fd_.get(), POLLOUT, "write", name_));
    } else if (errno != EINTR) {
      return StreamError("write", name_, errno);
    }
  }
  return Ok();
}

}  // namespace dbagent::stream
