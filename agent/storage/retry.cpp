#include "agent/storage/retry.h"

#include <algorithm>
#include <charconv>
#include <random>

#include "agent/base/pause.h"
#include "agent/net/http_date.h"

namespace dbagent::storage {
namespace {

using std::chrono::milliseconds;

milliseconds Jitter(milliseconds bound) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return milliseconds(std::uniform_int_distribution<milliseconds::rep>(0, bound.count())(random));
}

}  // namespace

Retries::Retries(const RetryPolicy& policy)
    : policy_(policy), begun_(std::chrono::steady_clock::now()) {}

Status Retries::Wait(const OpContext& ctx, Status problem,
                     std::optional<milliseconds> server_says) {
  ++made_;
  const unsigned doubled = std::min(made_ - 1, 20U);
  milliseconds wait = Jitter(std::min(policy_.cap, policy_.first * (1L << doubled)));
  if (server_says) wait = std::max(wait, *server_says);
  const SteadyTime now = std::chrono::steady_clock::now();
  const milliseconds spent = std::chrono::duration_cast<milliseconds>(now - begun_);
  const bool over = made_ >= policy_.attempts || spent + wait > policy_.budget ||
                    ctx.deadline().Remaining(wait + milliseconds(1)) <= wait;
  if (over) {
    if (made_ == 1) return problem;
    return std::move(problem).Wrap(
        fmt::format("tried {} times in {:.1f} s", made_, static_cast<double>(spent.count()) / 1e3));
  }
  problem.Ignore("the next attempt tells");
  Pause(ctx, wait);
  return ctx.Poll();
}

std::optional<milliseconds> ParseRetryAfter(std::string_view value) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (!value.empty() && error == std::errc() && end == value.data() + value.size())
    return milliseconds(1000LL * seconds);
  const auto date = net::ParseHttpDate(value);
  if (!date) return std::nullopt;
  const auto left =
      std::chrono::duration_cast<milliseconds>(*date - std::chrono::system_clock::now());
  return std::max(left, milliseconds(0));
}

}  // namespace dbagent::storage
