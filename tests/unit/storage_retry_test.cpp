#include <gtest/gtest.h>

#include <thread>

#include "agent/storage/congestion_gate.h"
#include "agent/storage/retry.h"
#include "tests/support/status_matchers.h"

namespace dbagent::storage {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using tests::ReasonOf;

Status Passing() {
  return Error(Code::kUnavailable, "STORE_UNAVAILABLE", "away").AsRetryable();
}

TEST(Retries, EndWithTheProblemWhenTheAttemptsAreUsedUp) {
  Retries retries({.attempts = 3, .first = milliseconds(1), .cap = milliseconds(2)});
  EXPECT_OK(retries.Wait(OpContext(), Passing()));
  EXPECT_OK(retries.Wait(OpContext(), Passing()));
  const Status over = retries.Wait(OpContext(), Passing());
  EXPECT_EQ(ReasonOf(over), "STORE_UNAVAILABLE");
  EXPECT_NE(over.FullMessage().find("tried 3 times"), std::string::npos);
}

TEST(Retries, EndWhenTheBudgetWouldBeOverdrawn) {
  Retries retries({.attempts = 100, .budget = milliseconds(500)});
  EXPECT_EQ(ReasonOf(retries.Wait(OpContext(), Passing(), seconds(1))), "STORE_UNAVAILABLE");
}

TEST(Retries, AStopEndsAWaitAtOnce) {
  const auto stop = std::make_shared<StopSwitch>();
  Retries retries({});
  std::thread stopper([&] {
    std::this_thread::sleep_for(milliseconds(100));
    stop->RequestStop(StopReason::kCancelled);
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(ReasonOf(retries.Wait(OpContext(stop, Deadline::Never(), "", nullptr), Passing(),
                                  seconds(60))),
            "CANCELLED");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(5));
  stopper.join();
}

TEST(Retries, ReadRetryAfterAsSecondsOrAsADate) {
  EXPECT_EQ(ParseRetryAfter("7"), milliseconds(7000));
  EXPECT_EQ(ParseRetryAfter("Fri, 31 Dec 1999 23:59:59 GMT"), milliseconds(0));
  EXPECT_GT(ParseRetryAfter("Tue, 31 Dec 2199 23:59:59 GMT"), seconds(1000));
  for (const char* odd :
       {"", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", "-1", "1.5", "99999999999999999999"})
    EXPECT_EQ(ParseRetryAfter(odd), std::nullopt) << odd;
}

TEST(CongestionGate, HalvesOncePerBurstAndGrowsByOnePerWindow) {
  CongestionGate gate(16);
  {
    ASSERT_OK_AND_ASSIGN(CongestionGate::Permit one, gate.Enter(OpContext()));
    ASSERT_OK_AND_ASSIGN(CongestionGate::Permit two, gate.Enter(OpContext()));
    one.TooMany();
    two.TooMany();  // let in before the halving: the same news
  }
  EXPECT_EQ(gate.window(), 8U);
  ASSERT_OK_AND_ASSIGN(CongestionGate::Permit later, gate.Enter(OpContext()));
  for (int i = 0; i < 9; ++i) later.WentWell();
  EXPECT_EQ(gate.window(), 9U);
  for (int i = 0; i < 1000; ++i) later.WentWell();
  EXPECT_EQ(gate.window(), 16U);
  later.TooMany();
  EXPECT_EQ(gate.window(), 8U);
}

TEST(CongestionGate, LetsNoMoreInThanItsWindowAndAStopEndsTheWait) {
  CongestionGate gate(1);
  std::optional<Result<CongestionGate::Permit>> inside(gate.Enter(OpContext()));
  ASSERT_OK(*inside);
  const auto stop = std::make_shared<StopSwitch>();
  std::thread stopper([&] {
    std::this_thread::sleep_for(milliseconds(100));
    stop->RequestStop(StopReason::kCancelled);
  });
  EXPECT_EQ(ReasonOf(gate.Enter(OpContext(stop, Deadline::Never(), "", nullptr))), "CANCELLED");
  stopper.join();
  EXPECT_EQ(ReasonOf(gate.Enter(OpContext().WithBudget(milliseconds(50)))), "DEADLINE_EXCEEDED");
  std::thread leaver([&] {
    std::this_thread::sleep_for(milliseconds(50));
    inside.reset();
  });
  EXPECT_OK(gate.Enter(OpContext().WithBudget(seconds(10))));
  leaver.join();
}

}  // namespace
}  // namespace dbagent::storage
