#include <signal.h>

#include <future>
#include <thread>

#include "tests/contract/contract_test.h"
#include "tests/contract/physical_test.h"
#include "tests/support/arguments.h"
#include "tests/support/processes.h"

namespace dbagent::tests {
namespace {

using std::chrono::seconds;

class ServerContract : public ContractTest {
 protected:
  // A grant that waits for a lock, on a thread of its own.
  struct Blocked {
    std::shared_ptr<StopSwitch> stop = std::make_shared<StopSwitch>();
    std::future<Status> outcome;
  };

  void TearDown() override {
    EXPECT_OK(store().server()->Start(ctx()));
    ContractTest::TearDown();
  }
  datastore::ServerControl& control() const { return *store().server(); }
  pid_t Pid() const { return server().host().ServerState().pid; }

  Blocked BlockedGrant(Deadline deadline) {
    MakeDatabase("locked");
    const UserId user = MakeUser("waiting");
    holder_ = RootSession("locked");
    for (const std::string& sql : traits().block_grants("locked", user.name))
      EXPECT_OK(holder_->Query(sql));
    observer_ = RootSession("locked");
    Blocked blocked;
    blocked.outcome = std::async(std::launch::async, [this, user, stop = blocked.stop, deadline] {
      return grants().GrantTo(OpContext(stop, deadline, "", nullptr), user,
                              GrantOf("locked", PrivilegeSet::kReadOnly));
    });
    EXPECT_TRUE(WaitersBecome([](int count) { return count > 0; }));
    return blocked;
  }
  template <typename Predicate>
  bool WaitersBecome(Predicate predicate) {
    const Deadline deadline = Deadline::After(seconds(10));
    while (!deadline.expired()) {
      const auto answer = observer_->Query(traits().count_waiting);
      if (answer.ok() && predicate(std::stoi(answer->at(0).at(0)))) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  std::unique_ptr<ClientSession> holder_, observer_;
};

TEST_F(ServerContract, SaysWhatItIs) {
  const datastore::DatastoreInfo& info = store().info();
  EXPECT_EQ(info.kind, traits().kind);
  EXPECT_EQ(info.product, traits().product);
  EXPECT_GT(info.major, 0U);
  EXPECT_TRUE(info.version.starts_with(std::to_string(info.major)));
}

TEST_F(ServerContract, IsHealthyStoppedAndHealthyAgain) {
  const datastore::Health healthy = store().CheckHealth();
  EXPECT_EQ(healthy.state, HealthState::kHealthy) << healthy.detail;
  EXPECT_FALSE(healthy.server_version.empty());
  const pid_t pid = Pid();
  ASSERT_OK(control().Start(ctx()));  // running already is fine
  EXPECT_EQ(Pid(), pid);
  ASSERT_OK(control().Stop(ctx()));
  EXPECT_TRUE(IsGoneSoon(pid));
  EXPECT_EQ(store().CheckHealth().state, HealthState::kStopped);
  EXPECT_EQ(ReasonOf(databases().Get(ctx(), "x")), "SERVER_UNAVAILABLE");
  EXPECT_TRUE(databases().Get(ctx(), "x").status().retryable());
  ASSERT_OK(control().Stop(ctx()));
  ASSERT_OK(control().Start(ctx()));
  EXPECT_EQ(store().CheckHealth().state, HealthState::kHealthy);
}

TEST_F(ServerContract, AnUnpreparedInstanceSaysSo) {
  RealServer fresh;
  EXPECT_EQ(fresh.store().CheckHealth().state, HealthState::kNotPrepared);
}

TEST_F(ServerContract, AFrozenServerIsUnresponsiveWithinTwoSeconds) {
  ASSERT_OK(databases().List(ctx(), {}, false));  // so that a connection lies ready
  const pid_t pid = Pid();
  ASSERT_OK(server().Signal(pid, SIGSTOP));
  const auto begin = std::chrono::steady_clock::now();
  const datastore::Health health = store().CheckHealth();
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_OK(server().Signal(pid, SIGCONT));
  EXPECT_EQ(health.state, HealthState::kUnresponsive) << health.detail;
  EXPECT_LT(took, seconds(2));
  EXPECT_TRUE(server().Reaches(HealthState::kHealthy, seconds(10)));
}

TEST_F(ServerContract, ACrashedServerComesBackByItself) {
  MakeDatabase("survivor");
  const pid_t pid = Pid();
  ASSERT_OK(server().Signal(pid, SIGKILL));
  ASSERT_TRUE(IsGoneSoon(pid));
  ASSERT_TRUE(server().Reaches(HealthState::kHealthy, seconds(20)));
  EXPECT_NE(Pid(), pid);
  EXPECT_OK(databases().Get(ctx(), "survivor"));
}

TEST_F(ServerContract, CancellingReachesTheStatement) {
  Blocked blocked = BlockedGrant(Deadline::Never());
  blocked.stop->RequestStop(StopReason::kCancelled);
  // the holder's lock stays, so nothing but the cancel can end it
  ASSERT_EQ(blocked.outcome.wait_for(seconds(20)), std::future_status::ready);
  EXPECT_EQ(ReasonOf(blocked.outcome.get()), "CANCELLED");
  EXPECT_TRUE(WaitersBecome([](int count) { return count == 0; }));
  holder_.reset();
  ASSERT_OK_AND_ASSIGN(const auto listed, grants().List(ctx(), User("waiting")));
  EXPECT_TRUE(listed.empty());
}

TEST_F(ServerContract, ADeadlineReachesTheStatement) {
  Blocked blocked = BlockedGrant(Deadline::After(seconds(1)));
  ASSERT_EQ(blocked.outcome.wait_for(seconds(20)), std::future_status::ready);
  EXPECT_EQ(ReasonOf(blocked.outcome.get()), "DEADLINE_EXCEEDED");
  EXPECT_TRUE(WaitersBecome([](int count) { return count == 0; }));
}

TEST_F(ServerContract, AServerKilledInTheMiddleIsUnavailableAndWorksAgain) {
  Blocked blocked = BlockedGrant(Deadline::Never());
  ASSERT_OK(server().Signal(Pid(), SIGKILL));
  ASSERT_EQ(blocked.outcome.wait_for(seconds(10)), std::future_status::ready);
  const Status outcome = blocked.outcome.get();
  EXPECT_EQ(ReasonOf(outcome), "SERVER_UNAVAILABLE");
  EXPECT_TRUE(outcome.retryable());
  ASSERT_TRUE(server().Reaches(HealthState::kHealthy, seconds(20)));
  EXPECT_OK(grants().GrantTo(ctx(), User("waiting"), GrantOf("locked", PrivilegeSet::kReadOnly)));
}

TEST_F(ServerContract, StopsWithinItsBudgetWhateverUsersDo) {
  Blocked blocked = BlockedGrant(Deadline::Never());
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_OK(control().Stop(OpContext().WithBudget(seconds(10))));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(15));
  EXPECT_EQ(ReasonOf(blocked.outcome.get()), "SERVER_UNAVAILABLE");
  EXPECT_EQ(store().CheckHealth().state, HealthState::kStopped);
}

TEST_F(ServerContract, RefusesConfigurationsThatAreNone) {
  datastore::ConfigurationSet set = server().SmallSet();
  for (const std::string bad : {"10.0.0.0", "10.0.0.0/33", "::/129", "example.org/8",
                                "1.2.3.4/8 trust", "", "10.0.0.0/8\nhost all all all trust"}) {
    set.allowed_networks = {"10.0.0.0/8", bad};
    const auto refused = store().layers()->Render(set, 2);
    EXPECT_EQ(ReasonOf(refused), "CONFIGURATION_INVALID") << bad;
    if (!bad.empty()) {
      EXPECT_NE(refused.status().FullMessage().find(bad), std::string::npos);
    }
  }
}

TEST_F(ServerContract, RefusesADataDirectoryThatHoldsData) {
  RealServer fresh;
  ASSERT_OK_AND_ASSIGN(const os::Generation generation, fresh.host().MakeGeneration());
  ASSERT_OK(fresh.PutFile(generation.data / "precious", "x"));
  EXPECT_EQ(ReasonOf(fresh.store().server()->Initialise(ctx(), {generation})),
            "DATA_DIRECTORY_NOT_EMPTY");
  EXPECT_TRUE(fresh.Sees(generation.data / "precious"));
}

// A MariaDB or MySQL server removes at its start what it takes for its own left-overs in its
// temporary directory: another's files, where two share one.
TEST_F(ServerContract, AnInitialiseLeavesTheTemporaryFilesOfOtherServersAlone) {
  const os::Path theirs = "/tmp/#sql-dbagent-" + std::to_string(::getpid()) + ".MAI";
  RealServer fresh;
  ASSERT_OK(fresh.PutFile(theirs, "x"));
  const Status prepared = fresh.PrepareFiles();
  EXPECT_OK(prepared);
  EXPECT_TRUE(fresh.Sees(theirs));
  EXPECT_TRUE(fresh.AsServer("rm --force -- '" + theirs.native() + "'").ok());
}

TEST_F(ServerContract, ACancelledInitialiseLeavesNoProcess) {
  RealServer fresh;
  ASSERT_OK_AND_ASSIGN(const os::Generation generation, fresh.host().MakeGeneration());
  const std::size_t children = Children();
  const Status outcome = fresh.store().server()->Initialise(
      OpContext().WithBudget(std::chrono::milliseconds(200)), {generation});
  EXPECT_EQ(ReasonOf(outcome), "DEADLINE_EXCEEDED");
  EXPECT_EQ(Children(), children);
}

TEST_F(ServerContract, AServerThatCannotStartSaysWhy) {
  RealServer fresh;
  ASSERT_OK(fresh.Configure(1, fresh.SmallSet()));
  ASSERT_OK_AND_ASSIGN(const os::Generation generation, fresh.host().MakeGeneration());
  ASSERT_OK(fresh.PutFile(generation.data / "not-a-database", "x"));
  ASSERT_OK(fresh.host().SwitchGeneration(generation.number));
  const Status failed = fresh.store().server()->Start(OpContext().WithBudget(seconds(30)));
  EXPECT_EQ(ReasonOf(failed), "SERVER_START_FAILED");
  EXPECT_GT(failed.FullMessage().size(), 80U) << failed.FullMessage();
  EXPECT_NE(fresh.store().CheckHealth().state, HealthState::kHealthy);
}

TEST_F(ServerContract, AStartMakesTheAgentsAccountOnAnotherAgentsData) {
  RealServer server("an older agent");
  ASSERT_OK(server.PrepareFiles());
  server.BecomeThisUser();
  ASSERT_OK(server.Configure(1, server.SmallSet()));
  ASSERT_OK(server.store().server()->Start(ctx()));
  ASSERT_OK(server.store().root()->Enable(ctx(), Secret("root's own")));
  const auto count_of_older = [&]() -> std::string {
    const auto root = server.LogIn({"root", Secret("root's own"), ""});
    if (!root.ok()) return root.status().FullMessage();
    const auto rows = (*root)->Query(
        traits().has_hosts ? "SELECT COUNT(*) FROM mysql.user WHERE User = 'an older agent'"
                           : "SELECT COUNT(*) FROM pg_roles WHERE rolname = 'an older agent'");
    return rows.ok() ? rows->at(0).at(0) : rows.status().FullMessage();
  };
  EXPECT_EQ(count_of_older(), "0");
  // again, and with what users have by then
  datastore::DatabaseSpec shop;
  shop.name = "shop";
  ASSERT_OK(server.store().databases()->Create(ctx(), shop));
  ASSERT_OK(server.store().server()->Stop(ctx()));
  const os::Volume& volume = server.settings().volume;
  ASSERT_OK_AND_ASSIGN(const auto current, volume.CurrentNumber());
  for (int times = 0; times < 2; ++times)
    ASSERT_OK(server.store().server()->AdoptData(ctx(), volume.generation(current.value())));
  EXPECT_EQ(server.store().CheckHealth().state, HealthState::kStopped);
  ASSERT_OK(server.store().server()->Start(ctx()));
  EXPECT_OK(server.store().databases()->Get(ctx(), shop.name));
  EXPECT_EQ(count_of_older(), "0");
}

TEST_F(ServerContract, AVolumeOfDirectModeIsTakenOverByTwoUsers) {
  if (!TheArguments().separate) GTEST_SKIP() << "needs --separate";
  const std::unique_ptr<RealServer> server = RealServer::InDirectMode();
  ASSERT_OK(server->Prepare());
  datastore::DatabaseSpec shop;
  shop.name = "shop";
  ASSERT_OK(server->store().databases()->Create(ctx(), shop));
  ASSERT_OK(server->store().server()->Stop(ctx()));

  server->BecomeSeparate();
  ASSERT_OK(server->Configure(2, server->SmallSet()));
  ASSERT_OK(server->store().server()->Start(ctx()));
  EXPECT_OK(server->store().databases()->Get(ctx(), shop.name));
  KeptArchives kept;
  EXPECT_OK(server->store().physical_backup()->Take(ctx(), kept));
  EXPECT_FALSE(kept.archives.empty());
  // the files are the server's alone
  ASSERT_OK_AND_ASSIGN(const auto current, server->settings().volume.CurrentNumber());
  const os::Generation generation = server->settings().volume.generation(current.value());
  for (const os::Path& directory : {generation.data, generation.tablespaces, generation.tmp})
    EXPECT_EQ(ReasonOf(os::ListDirectory(directory)), "PERMISSION_DENIED") << directory;
  EXPECT_FALSE(server->AsServer("ls '" + server->settings().volume.agent().native() + "'").ok());
}

TEST_F(ServerContract, NoLoginOfTheAgentsAccountOverTheNetwork) {
  const std::string agent = server().settings().os_user;
  EXPECT_FALSE(LogIn(agent, "").ok());
  EXPECT_FALSE(LogIn(agent, "guess").ok());
  EXPECT_FALSE(LogIn("", "").ok());
  EXPECT_FALSE(LogIn("root", "").ok());
}

}  // namespace
}  // namespace dbagent::tests
