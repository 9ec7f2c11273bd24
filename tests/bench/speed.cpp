#include "tests/bench/speed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "agent/os/files.h"

namespace dbagent::tests {

int Pairs() {
  const char* pairs = std::getenv("DBAGENT_BENCH_PAIRS");
  return pairs == nullptr ? 5 : std::max(1, std::atoi(pairs));
}

void Compare(const std::string& what, const std::function<void()>& ours, const std::string& name,
             const std::function<void()>& beside, const std::function<void()>& after) {
  Samples our_times, their_times;
  std::vector<double> ratios;
  for (int i = 0; i < Pairs(); ++i) {
    Samples ours_now, theirs_now;
    if (i % 2 == 0) theirs_now.Time(beside);
    ours_now.Time(ours);
    after();
    if (i % 2 != 0) theirs_now.Time(beside);
    ratios.push_back(ours_now.Median() / theirs_now.Median());
    our_times.Merge(ours_now);
    their_times.Merge(theirs_now);
  }
  std::sort(ratios.begin(), ratios.end());
  Report(what, our_times.ToString(),
         fmt::format("x {:.2f} ({:.2f} to {:.2f}) {}: {}", ratios[ratios.size() / 2],
                     ratios.front(), ratios.back(), name, their_times.ToString()));
}

void Speed::SetUp() {
  agent_.Start();
  Prepare(agent_, 0, 0);
  Fill();
  if (TheTraits().kind == "postgresql") {
    // a copy that takes long must find its log at the end
    const auto session = BareSession(agent_);
    Ask(*session, "ALTER SYSTEM SET wal_keep_size = '4GB'");
    Ask(*session, "SELECT pg_reload_conf()");
  }
}

void Speed::Begin(bool encrypted, const std::string& settings) {
  agent_.Stop();
  const Status key = os::WriteFileAtomic(agent_.home() / "key", std::string(64, 'a') + "\n", 0600);
  ASSERT_TRUE(key.ok()) << key.ToString();
  agent_.more_settings = "default_store: local\n" + settings;
  if (encrypted)
    agent_.more_settings += "encryption: {keys: [{id: k, key: {file: " + Home("key") + "}}]}\n";
  agent_.Start();
  ASSERT_TRUE(agent_.BecomesHealthy());
}

void Speed::AddObjectStores(const std::string& url, const std::string& ca_file) {
  const Status key = os::WriteFileAtomic(agent_.home() / "swift.key", "testing\n", 0600);
  ASSERT_TRUE(key.ok()) << key.ToString();
  const std::string trusted = ca_file.empty() ? "" : ", ca_file: " + ca_file;
  agent_.more_stores = fmt::format(
      ", {{name: swift, kind: swift, container: bench, create: true, auth: tempauth, auth_url: "
      "'{0}/auth/v1.0', user: 'test:tester', key: {{file: {1}}}{2}}}, {{name: s3, kind: s3, "
      "endpoint: '{0}', region: us-east-1, bucket: bench, access_key: 'test:tester', secret_key: "
      "{{file: {1}}}{2}}}",
      url, Home("swift.key"), trusted);
}

std::string Speed::Ctl(const std::string& arguments) {
  return DBAGENT_BINARY_DIR "/agent/dbagentctl --socket " + agent_.socket().native() + " " +
         arguments + " >/dev/null 2>&1";
}

void Speed::Unpack(const std::string& backup_id) {
  v1::RestoreBackupRequest request;
  request.set_backup_id(backup_id);
  request.set_replace_everything(true);
  const Outcome outcome =
      Call<v1::BackupService>(agent_, &v1::BackupService::Stub::Restore, request, restoring_);
  if (!outcome.ok()) throw std::runtime_error(outcome.status.error_message());
  grpc::ClientContext context;
  v1::WatchOperationRequest watch;
  watch.set_id(restoring_.id());
  const auto stream = v1::OperationService::NewStub(agent_.channel())->Watch(&context, watch);
  while (stream->Read(&restoring_) && restoring_.progress().step() != "switch") {
  }
  context.TryCancel();
  if (restoring_.progress().step() != "switch") throw std::runtime_error("it does not restore");
}

void Speed::DeleteAll() {
  v1::ListBackupsResponse list;
  Call<v1::BackupService>(agent_, &v1::BackupService::Stub::List, v1::ListBackupsRequest(), list);
  for (const v1::Backup& backup : list.backups()) Shell(Ctl("backup delete " + backup.id()));
}

v1::Backup Speed::Newest() {
  v1::ListBackupsResponse list;
  Call<v1::BackupService>(agent_, &v1::BackupService::Stub::List, v1::ListBackupsRequest(), list);
  if (list.backups().empty()) throw std::runtime_error("there is no backup");
  return list.backups(0);
}

}  // namespace dbagent::tests
