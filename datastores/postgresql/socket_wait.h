#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stop_token>

#include "agent/base/op_context.h"
#include "agent/base/unique_fd.h"

namespace dbagent::datastore::postgresql {

// Waits on a socket until it is ready or ctx ends.
class SocketWait {
 public:
  explicit SocketWait(const OpContext& ctx)
      : ctx_(ctx),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        on_stop_(ctx.stop(), Wake{wake_.get()}) {}

  Status Until(int fd, short events) {
    if (!wake_.valid())
      return Error(Code::kInternal, "IO_ERROR", "unable to make an event descriptor");
    for (;;) {
      RETURN_IF_ERROR(ctx_.Poll());
      std::array<pollfd, 2> fds = {pollfd{fd, events, 0}, pollfd{wake_.get(), POLLIN, 0}};
      const auto wait = ctx_.deadline().Remaining(std::chrono::minutes(1));
      const int ready = poll(fds.data(), fds.size(), static_cast<int>(wait.count()));
      if (ready < 0 && errno != EINTR) {
        return Error(Code::kInternal, "IO_ERROR", "unable to wait for the server: {}",
                     std::strerror(errno));
      }
      if (ready > 0 && fds[0].revents != 0) return Ok();
    }
  }

 private:
  struct Wake {
    int fd;
    void operator()() const {
      const std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = write(fd, &one, sizeof one);  // cannot fill up
    }
  };
  const OpContext& ctx_;
  UniqueFd wake_;
  std::stop_callback<Wake> on_stop_;
};

}  // namespace dbagent::datastore::postgresql
