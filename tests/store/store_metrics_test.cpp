// What the metrics say of stores, while they fail and when they are well.
#include <gtest/gtest.h>

#include "agent/storage/measured_store.h"
#include "agent/telemetry/metrics.h"
#include "tests/store/scripted_settings.h"
#include "tests/support/scrape.h"

namespace dbagent::tests {
namespace {

class StoreMetrics : public testing::Test {
 protected:
  // A store of this name at the scripted server.
  std::unique_ptr<storage::ObjectStore> Open(const std::string& name) {
    storage::HttpStoreSettings settings = QuickSettings();
    settings.name = name;
    settings.connections = 8;
    return storage::MakeMeasuredStore(OpenS3(S3At(server_.url()), settings), name);
  }
  static double Value(const std::string& name, const std::map<std::string, std::string>& labels) {
    return SampleOf(telemetry::RenderMetrics(), name, labels).value_or(-1);
  }

  ScriptedStore server_;
};

TEST_F(StoreMetrics, CountEachRequestOnceByVerbAndOutcomeAndTheBytesThatCameThrough) {
  const auto store = Open("counting");
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("hello")));
  ASSERT_OK(store->Get(Ctx(), "o", 100));
  EXPECT_EQ(ReasonOf(store->Get(Ctx(), "absent", 100)), "OBJECT_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store->Put(Ctx(), "o", AsBytes("again"))), "OBJECT_EXISTS");
  const auto requests = [](const std::string& verb, const std::string& outcome) {
    return Value("dbagent_store_requests_total",
                 {{"store", "counting"}, {"verb", verb}, {"outcome", outcome}});
  };
  EXPECT_EQ(requests("put", "ok"), 1);
  EXPECT_EQ(requests("put", "OBJECT_EXISTS"), 1);
  EXPECT_EQ(requests("get", "ok"), 1);
  EXPECT_EQ(requests("get", "OBJECT_NOT_FOUND"), 1);
  EXPECT_EQ(Value("dbagent_store_sent_bytes_total", {{"store", "counting"}}), 5);
  EXPECT_EQ(Value("dbagent_store_received_bytes_total", {{"store", "counting"}}), 5);
  EXPECT_EQ(Value("dbagent_store_request_duration_seconds_count",
                  {{"store", "counting"}, {"verb", "get"}}),
            2);
}

TEST_F(StoreMetrics, TellRetriesWithTheirReasonAndTheLimitThatAStoreAskedFor) {
  const auto store = Open("slowing");
  ASSERT_OK(store->Put(Ctx(), "warm", AsBytes("x")));
  const std::map<std::string, std::string> of = {{"store", "slowing"}};
  EXPECT_EQ(Value("dbagent_store_concurrency_limit", of), 8);
  server_.Next(AnswerWith(503, {}, S3ErrorBody("SlowDown")));
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("x")));
  EXPECT_EQ(Value("dbagent_store_concurrency_limit", of), 4);
  server_.Next(AnswerWith(500), 2);
  ASSERT_OK(store->Put(Ctx(), "p", AsBytes("x")));
  const auto retries = [](const std::string& reason) {
    return Value("dbagent_store_retries_total", {{"store", "slowing"}, {"reason", reason}});
  };
  EXPECT_EQ(retries("TOO_MANY_REQUESTS"), 1);
  EXPECT_EQ(retries("STORE_UNAVAILABLE"), 2);
  EXPECT_EQ(Value("dbagent_store_requests_total",
                  {{"store", "slowing"}, {"verb", "put"}, {"outcome", "ok"}}),
            3);
}

}  // namespace
}  // namespace dbagent::tests
