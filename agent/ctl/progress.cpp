#include "agent/ctl/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "agent/base/bytes.h"

namespace dbagent::ctl {
namespace {

constexpr std::size_t kBar = 24;
constexpr std::chrono::seconds kLineEvery{10};  // where no terminal redraws one

std::size_t TerminalWidth() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

std::string Details(const v1::Progress& progress) {
  std::string text = progress.step();
  if (progress.bytes_done() > 0) {
    text += "  " + FormatBytes(progress.bytes_done());
    if (progress.bytes_total() > 0) text += " of " + FormatBytes(progress.bytes_total());
  }
  if (progress.bytes_per_second() > 0) {
    text +=
        fmt::format(", {}/s", FormatBytes(static_cast<std::uint64_t>(progress.bytes_per_second())));
    if (progress.bytes_total() > progress.bytes_done()) {
      const auto left = static_cast<std::uint64_t>(
          static_cast<double>(progress.bytes_total() - progress.bytes_done()) /
          progress.bytes_per_second());
      text += fmt::format(", {}:{:02} left", left / 60, left % 60);
    }
  }
  if (!progress.line().empty()) text += "  " + progress.line();
  return text;
}

}  // namespace

ProgressView::ProgressView(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

std::string ProgressLine(const v1::Operation& operation, std::size_t width) {
  const double percent = std::clamp(operation.progress().percent(), 0.0, 100.0);
  const auto full = static_cast<std::size_t>(percent / 100 * kBar);
  const std::string line =
      fmt::format("[{}{}] {:3.0f} %  {}", std::string(full, '#'), std::string(kBar - full, '-'),
                  percent, Details(operation.progress()));
  return line.substr(0, width);
}

void ProgressView::Update(const v1::Operation& operation) {
  if (quiet_) return;
  if (terminal_) {
    std::fprintf(stderr, "\r\033[K%s", ProgressLine(operation, TerminalWidth() - 1).c_str());
    drawn_ = true;
    return;
  }
  const std::string now = operation.progress().step() + "\n" + operation.progress().line();
  const auto time = std::chrono::steady_clock::now();
  if (operation.progress().step().empty()) return;
  if (now == last_ && time - last_time_ < kLineEvery) return;
  last_ = now;
  last_time_ = time;
  std::fprintf(stderr, "%s: %.0f %% %s\n", operation.kind().c_str(), operation.progress().percent(),
               Details(operation.progress()).c_str());
}

void ProgressView::End() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

}  // namespace dbagent::ctl
