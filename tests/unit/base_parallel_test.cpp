#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "agent/base/parallel.h"
#include "agent/base/pause.h"
#include "tests/support/status_matchers.h"

namespace dbagent {
namespace {

TEST(ForEachParallel, DoesEachOnceAndNoMoreAtATimeThanAsked) {
  std::atomic<int> running = 0, most = 0, done = 0;
  EXPECT_OK(ForEachParallel({}, 40, 3, [&](const OpContext&, std::size_t) {
    const int now = ++running;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    --running;
    ++done;
    return Ok();
  }));
  EXPECT_EQ(done, 40);
  EXPECT_LE(most, 3);
  EXPECT_GT(most, 1);
}

TEST(ForEachParallel, TheFirstErrorStopsTheOthersAndIsTheAnswer) {
  std::atomic<int> begun = 0;
  const Status outcome = ForEachParallel({}, 100, 2, [&](const OpContext& ctx, std::size_t i) {
    ++begun;
    if (i == 1) return Status(Code::kInternal, "BROKEN", "it broke");
    for (int waits = 0; waits < 1000; ++waits) {
      RETURN_IF_ERROR(ctx.Poll());
      Pause(ctx, std::chrono::milliseconds(10));
    }
    return Ok();
  });
  EXPECT_EQ(outcome.reason(), "BROKEN");
  EXPECT_EQ(begun, 2);
}

TEST(ForEachParallel, AStopFromOutsideReachesTheWork) {
  const auto stop = std::make_shared<StopSwitch>();
  const OpContext ctx(stop, Deadline::Never(), "", nullptr);
  const Status outcome = ForEachParallel(ctx, 4, 2, [&](const OpContext& part, std::size_t) {
    stop->RequestStop(StopReason::kShutdown);
    return part.Poll();
  });
  EXPECT_EQ(outcome.reason(), "AGENT_STOPPING");
}

TEST(ForEachParallel, NothingToDoIsFine) {
  EXPECT_OK(ForEachParallel({}, 0, 4, [](const OpContext&, std::size_t) { return Ok(); }));
}

}  // namespace
}  // namespace dbagent
