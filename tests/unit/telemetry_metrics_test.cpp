#include <gtest/gtest.h>

#include <thread>

#include "agent/stream/stage_account.h"
#include "agent/telemetry/metrics.h"
#include "tests/support/scrape.h"

namespace dbagent::telemetry {
namespace {

using tests::SampleOf;

TEST(Metrics, AreRenderedInPrometheusTextFormatWithHelpAndType) {
  metrics().operations.Add(2, {"backup.create", "succeeded"});
  const std::string text = RenderMetrics();
  EXPECT_NE(text.find("# HELP dbagent_operations_total "), std::string::npos);
  EXPECT_NE(text.find("# TYPE dbagent_operations_total counter\n"), std::string::npos);
  EXPECT_NE(text.find("dbagent_operations_total{"), std::string::npos);
  EXPECT_EQ(SampleOf(text, "dbagent_operations_total",
                     {{"kind", "backup.create"}, {"outcome", "succeeded"}}),
            2);
}

TEST(Metrics, EscapeWhatALabelsValueMayHold) {
  metrics().store_sent.Add(7, {"od\"d\\na\nme"});
  EXPECT_NE(RenderMetrics().find("{store=\"od\\\"d\\\\na\\nme\"} 7\n"), std::string::npos);
}

TEST(Metrics, OfTheProcessAreThere) {
  const std::string text = RenderMetrics();
  EXPECT_EQ(SampleOf(text, "dbagent_build_info", {{"version", DBAGENT_VERSION}}), 1);
  EXPECT_GT(SampleOf(text, "process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(SampleOf(text, "process_open_fds"), 2);
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(SampleOf(text, "process_start_time_seconds"), now);
  EXPECT_GT(SampleOf(text, "process_start_time_seconds"), now - 3600);
}

TEST(Metrics, AHistogramCountsUpToEachBound) {
  for (const double seconds : {0.05, 5.0, 7.0})
    metrics().operation_seconds.Observe(seconds, {"test.histogram"});
  const std::string text = RenderMetrics();
  const std::string bucket = "dbagent_operation_duration_seconds_bucket";
  EXPECT_EQ(SampleOf(text, bucket, {{"kind", "test.histogram"}, {"le", "0.1"}}), 1);
  EXPECT_EQ(SampleOf(text, bucket, {{"kind", "test.histogram"}, {"le", "10"}}), 3);
  EXPECT_EQ(SampleOf(text, bucket, {{"kind", "test.histogram"}, {"le", "+Inf"}}), 3);
  EXPECT_NEAR(
      *SampleOf(text, "dbagent_operation_duration_seconds_sum", {{"kind", "test.histogram"}}),
      12.05, 1e-9);
}

TEST(Metrics, AScrapeAsksWhoWantsToBeAskedAsLongAsHeLives) {
  int asked = 0;
  std::shared_ptr<void> hook = OnScrape([&] { ++asked; });
  RenderMetrics();
  EXPECT_EQ(asked, 1);
  hook.reset();
  RenderMetrics();
  EXPECT_EQ(asked, 1);
}

TEST(Metrics, CountFromManyThreadsWhileTheyAreScraped) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int j = 0; j < 1000; ++j) metrics().rpc_calls.Add(1, {"Test/Threads", "OK"});
    });
  }
  for (int i = 0; i < 20; ++i) RenderMetrics();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(SampleOf(RenderMetrics(), "dbagent_rpc_calls_total",
                     {{"method", "Test/Threads"}, {"code", "OK"}}),
            4000);
}

TEST(Metrics, TheListNamesEachOnceWithItsHelp) {
  const std::string list = DescribeMetrics();
  const std::string line =
      "dbagent_operations_total{kind,outcome} (counter): Operations that ended";
  EXPECT_NE(list.find(line), std::string::npos) << list;
  EXPECT_EQ(list.find(line, list.find(line) + 1), std::string::npos);
}

TEST(Metrics, AStagesAccountAddsToThoseOfTheProcess) {
  const auto bytes = [] {
    return SampleOf(RenderMetrics(), "dbagent_stage_bytes_total", {{"stage", "test"}}).value_or(0);
  };
  stream::StageAccount one("test", 2), other("test", 2);
  one.Take(100, std::chrono::milliseconds(3));
  one.Worked(std::chrono::milliseconds(5));
  other.Take(11, {});
  EXPECT_EQ(one.figures().bytes, 100U);
  EXPECT_EQ(one.figures().busy, std::chrono::milliseconds(5));
  EXPECT_EQ(one.figures().waited, std::chrono::milliseconds(3));
  EXPECT_EQ(bytes(), 111);
}

}  // namespace
}  // namespace dbagent::telemetry
