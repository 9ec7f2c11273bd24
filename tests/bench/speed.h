#pragma once

#include <functional>
#include <string>

#include "tests/bench/bench.h"
#include "tests/bench/bulk.h"

namespace dbagent::tests {

// DBAGENT_BENCH_PAIRS.
int Pairs();

// The two sides in turn, and then the ratio of each pair: noise of the machine hits both.
// `after` each of ours is not in its time.
void Compare(
    const std::string& what, const std::function<void()>& ours, const std::string& name,
    const std::function<void()>& beside, const std::function<void()>& after = [] {});

// An agent of its own whose server holds something large, and what is asked of it by its command
// line.
class Speed : public testing::Test {
 protected:
  void SetUp() override;
  virtual void Fill() { FillBulk(agent_, 5); }
  // Starts it anew, with a key or without, and with these settings.
  void Begin(bool encrypted, const std::string& settings = "");
  // Stores `swift` and `s3` at that address for the next Begin.
  void AddObjectStores(const std::string& url, const std::string& ca_file = "");
  std::string Ctl(const std::string& arguments);
  void Backup(const std::string& arguments) { Shell(Ctl("backup create " + arguments)); }
  // Begins to restore the server and returns when all files of it are written, checked and on the
  // disk; what is left is to stop it, switch and start it.
  void Unpack(const std::string& backup_id);
  void AwaitRestored() { agent_.Finish(restoring_); }
  void Restore(const std::string& backup_id) {
    Unpack(backup_id);
    AwaitRestored();
  }
  void DeleteAll();
  v1::Backup Newest();
  std::string Home(const std::string& name) { return (agent_.home() / name).native(); }

  AgentProcess agent_;

 private:
  v1::Operation restoring_;
};

}  // namespace dbagent::tests
