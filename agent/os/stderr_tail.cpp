#include "agent/os/stderr_tail.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace dbagent::os {

StderrTail::StderrTail(UniqueFd pipe, UniqueFd wake)
    : pipe_(std::move(pipe)), wake_(std::move(wake)) {
  fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  thread_ = std::thread([this] { Run(); });
}

void StderrTail::Finish() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);  // cannot fill up
  thread_.join();
}

std::string StderrTail::text() const {
  const std::lock_guard lock(mutex_);
  return text_;
}

bool StderrTail::ReadOnce() {
  char buffer[kKept];
  const ssize_t got = read(pipe_.get(), buffer, sizeof buffer);
  if (got <= 0) return got < 0 && errno == EINTR;
  const std::lock_guard lock(mutex_);
  text_.append(buffer, static_cast<std::size_t>(got));
  if (text_.size() > kKept) text_.erase(0, text_.size() - kKept);
  return true;
}

void StderrTail::Run() {
  for (;;) {
    pollfd fds[2] = {{pipe_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) break;
    if (!ReadOnce()) return;
  }
  // a pipe's default capacity, and no more from a stray writer that goes on
  for (int i = 0; i < 16 && ReadOnce(); ++i) {
  }
}

}  // namespace dbagent::os
