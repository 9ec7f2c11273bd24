// The figures of the real agent, scraped while it works.
#include <gtest/gtest.h>

#include <thread>

#include "tests/e2e/agent_process.h"
#include "tests/support/scrape.h"

namespace dbagent::tests {
namespace {

using std::chrono::seconds;
using v1::BackupService;
using v1::OperationService;

class MetricsOfAnAgent : public testing::Test {
 protected:
  void SetUp() override {
    agent_.more_settings = fmt::format("metrics: {{listen: 'unix:{}'}}\n", socket_.native());
    agent_.Start();
    v1::PrepareInstanceRequest request;
    request.add_databases()->set_name("tenants_secret_plan");
    agent_.Prepare(request);
  }
  std::optional<double> Value(const std::string& name,
                              const std::map<std::string, std::string>& labels = {}) const {
    return SampleOf(Scrape(socket_), name, labels);
  }
  double Stage(const std::string& stage) const {
    return Value("dbagent_stage_bytes_total", {{"stage", stage}}).value_or(0);
  }
  // Whether the value is, or becomes within half a minute.
  bool Becomes(const std::string& name, const std::map<std::string, std::string>& labels,
               double wanted) const {
    for (int i = 0; i < 300; ++i) {
      if (Value(name, labels) == wanted) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }
  bool Exceeds(const std::string& stage, double bytes) const {
    for (int i = 0; i < 300; ++i) {
      if (Stage(stage) > bytes) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }
  v1::Operation Begin(std::uint64_t rate) {
    v1::CreateBackupRequest request;
    request.set_method(v1::BACKUP_METHOD_PHYSICAL);
    request.set_bytes_per_second(rate);
    v1::Operation operation;
    EXPECT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation).ok());
    return operation;
  }
  v1::Backup Shown(const std::string& id) {
    v1::GetBackupRequest request;
    request.set_id(id);
    v1::Backup backup;
    EXPECT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Get, request, backup).ok());
    return backup;
  }

  AgentProcess agent_;
  const os::Path socket_ = agent_.home() / "m";
};

TEST_F(MetricsOfAnAgent, MoveWhileABackupRunsAndThenAddUpWithItsReport) {
  const v1::Operation begun = Begin(2U << 20U);
  ASSERT_TRUE(Exceeds("source", 0)) << agent_.log();
  const double earlier = Stage("source");
  EXPECT_TRUE(Exceeds("source", earlier));
  EXPECT_EQ(Value("dbagent_operations_running", {{"kind", "backup.create"}}), 1);
  EXPECT_GT(*Value("dbagent_stream_buffers_used_bytes", {{"use", "data"}}), 0);
  EXPECT_EQ(Value("dbagent_stream_buffers_limit_bytes", {{"use", "data"}}), 64 << 20);
  v1::ThrottleOperationRequest faster;
  faster.set_id(begun.id());
  v1::Operation throttled;
  ASSERT_TRUE(
      Call<OperationService>(agent_, &OperationService::Stub::Throttle, faster, throttled).ok());
  const v1::Operation made = agent_.Finish(begun);
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << made.DebugString() << agent_.log();

  const v1::Backup backup = Shown(made.backup_id());
  for (const v1::StageFigures& stage : backup.stages()) {
    EXPECT_EQ(Stage(stage.name()), static_cast<double>(stage.bytes())) << stage.name();
    EXPECT_NEAR(*Value("dbagent_stage_busy_seconds_total", {{"stage", stage.name()}}),
                stage.busy_seconds(), 0.5)
        << stage.name();
    EXPECT_NEAR(*Value("dbagent_stage_waited_seconds_total", {{"stage", stage.name()}}),
                stage.waited_seconds(), 0.5)
        << stage.name();
  }
  EXPECT_EQ(Stage("source"), static_cast<double>(backup.source_bytes()));
  EXPECT_EQ(Value("dbagent_backup_last_success_source_bytes", {{"method", "physical"}}),
            static_cast<double>(backup.source_bytes()));
  EXPECT_EQ(Value("dbagent_backup_last_success_stored_bytes", {{"method", "physical"}}),
            static_cast<double>(backup.stored_bytes()));
  EXPECT_GE(Value("dbagent_store_sent_bytes_total", {{"store", "local"}}),
            static_cast<double>(backup.stored_bytes()));
  EXPECT_GT(*Value("dbagent_store_requests_total",
                   {{"store", "local"}, {"verb", "put"}, {"outcome", "ok"}}),
            2);
  EXPECT_TRUE(Becomes("dbagent_operations_total",
                      {{"kind", "backup.create"}, {"outcome", "succeeded"}}, 1));
  EXPECT_TRUE(Becomes("dbagent_operations_running", {{"kind", "backup.create"}}, 0));
  EXPECT_EQ(Value("dbagent_operation_duration_seconds_count", {{"kind", "backup.create"}}), 1);
  EXPECT_EQ(Value("dbagent_rpc_calls_total", {{"method", "BackupService/Create"}, {"code", "OK"}}),
            1);
  EXPECT_EQ(Value("dbagent_stream_buffers_used_bytes", {{"use", "data"}}), 0);
}

TEST_F(MetricsOfAnAgent, TellTheLastBackupAlsoAfterARestartAndTheLastVerification) {
  const v1::Operation made = agent_.Finish(Begin(0));
  ASSERT_EQ(made.state(), v1::SUCCEEDED) << agent_.log();
  const auto time =
      Value("dbagent_backup_last_success_timestamp_seconds", {{"method", "physical"}});
  ASSERT_TRUE(time.has_value());
  EXPECT_NEAR(*time, static_cast<double>(std::time(nullptr)), 60);
  EXPECT_FALSE(Value("dbagent_backup_last_verify_ok", {{"level", "chunks"}}).has_value());
  v1::VerifyBackupRequest request;
  request.set_id(made.backup_id());
  v1::Operation verify;
  ASSERT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Verify, request, verify).ok());
  ASSERT_EQ(agent_.Finish(verify).state(), v1::SUCCEEDED);
  EXPECT_EQ(Value("dbagent_backup_last_verify_ok", {{"level", "chunks"}}), 1);
  agent_.Stop();
  agent_.Start();
  EXPECT_EQ(Value("dbagent_backup_last_success_timestamp_seconds", {{"method", "physical"}}), time);
  EXPECT_EQ(Value("dbagent_backup_last_success_source_bytes", {{"method", "physical"}}),
            static_cast<double>(Shown(made.backup_id()).source_bytes()));
}

TEST_F(MetricsOfAnAgent, TellTheServersStateAndNameNoDatabase) {
  EXPECT_EQ(Value("dbagent_datastore_up"), 1);
  EXPECT_EQ(Value("dbagent_datastore_state", {{"state", "HEALTHY"}}), 1);
  EXPECT_EQ(Value("dbagent_datastore_state", {{"state", "STOPPED"}}), 0);
  const std::string text = Scrape(socket_);
  EXPECT_EQ(text.find("tenants_secret_plan"), std::string::npos);
  v1::Operation operation;
  ASSERT_TRUE(Call<v1::InstanceService>(agent_, &v1::InstanceService::Stub::Stop,
                                        v1::StopInstanceRequest(), operation)
                  .ok());
  agent_.Finish(operation);
  EXPECT_TRUE(Becomes("dbagent_datastore_up", {}, 0));
  EXPECT_EQ(Value("dbagent_datastore_state", {{"state", "STOPPED"}}), 1);
}

}  // namespace
}  // namespace dbagent::tests
