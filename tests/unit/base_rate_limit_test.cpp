#include <gtest/gtest.h>

#include <thread>

#include "agent/base/rate_limit.h"
#include "tests/support/status_matchers.h"

namespace dbagent {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(RateLimit, WithoutOneNobodyWaits) {
  RateLimit limit;
  for (int i = 0; i < 1000; ++i) ASSERT_OK(limit.Pass(OpContext().WithBudget(10s), 1ULL << 40U));
}

TEST(RateLimit, WhatPassedIsPaidForBeforeTheNextPasses) {
  RateLimit limit(1000);
  const auto begun = Clock::now();
  ASSERT_OK(limit.Pass(OpContext(), 200));  // at once: the price comes after
  ASSERT_OK(limit.Pass(OpContext(), 200));
  ASSERT_OK(limit.Pass(OpContext(), 200));
  EXPECT_GE(Clock::now() - begun, 390ms);
}

TEST(RateLimit, AWaitEndsWithItsContext) {
  RateLimit limit(1);
  ASSERT_OK(limit.Pass(OpContext(), 1000000));
  EXPECT_EQ(tests::ReasonOf(limit.Pass(OpContext().WithBudget(20ms), 1)), "DEADLINE_EXCEEDED");
  const auto stop = std::make_shared<StopSwitch>();
  const OpContext ctx(stop, Deadline::Never(), "", nullptr);
  std::thread cancel([&] {
    std::this_thread::sleep_for(20ms);
    stop->RequestStop(StopReason::kCancelled);
  });
  EXPECT_EQ(tests::ReasonOf(limit.Pass(ctx, 1)), "CANCELLED");
  cancel.join();
}

TEST(RateLimit, ANewRateIsForThoseWhoWaitToo) {
  RateLimit limit(1);
  ASSERT_OK(limit.Pass(OpContext(), 1000000));
  std::thread change([&] {
    std::this_thread::sleep_for(20ms);
    limit.Set(0);
  });
  EXPECT_OK(limit.Pass(OpContext().WithBudget(10s), 1));
  change.join();
  EXPECT_EQ(limit.bytes_per_second(), 0U);
}

}  // namespace
}  // namespace dbagent
