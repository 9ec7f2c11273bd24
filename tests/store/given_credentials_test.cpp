// Stores that a request brings: their credentials are renewed while something waits for them, and
// they lead nowhere else.
#include <gtest/gtest.h>

#include <thread>

#include "agent/storage/open_store.h"
#include "tests/store/scripted_settings.h"

namespace dbagent::tests {
namespace {

using std::chrono::seconds;

// Remembers the line for people.
class Line : public ProgressSink {
 public:
  void BeginStep(std::string_view, double) override {}
  void SetTotalBytes(std::uint64_t) override {}
  void AddBytes(std::uint64_t) override {}
  void ShowStages(std::vector<StageFigures>) override {}
  void Say(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    line_ = line;
  }
  std::string said() const {
    const std::lock_guard lock(mutex_);
    return line_;
  }

 private:
  mutable std::mutex mutex_;
  std::string line_;
};

class GivenCredentials : public testing::Test {
 protected:
  OpContext Operation() { return OpContext(stop_, Deadline::After(seconds(30)), "op-1", &line_); }
  std::unique_ptr<storage::ObjectStore> OpenIt(seconds budget = seconds(20)) {
    storage::HttpStoreSettings settings = QuickSettings();
    settings.retries.budget = budget;
    settings.given = s3_.given;
    return OpenS3(s3_, settings);
  }
  void RefuseUntilTokenIs(const std::string& token) {
    server_.Always([token](const HeardRequest& request, Reply& reply) {
      const auto sent = request.headers.find("x-amz-security-token");
      if (sent != request.headers.end() && sent->second == token) return false;
      reply.Send(400, {}, S3ErrorBody("ExpiredToken"));
      return true;
    });
  }
  bool WaitsSoon() {
    for (int i = 0; i < 1000; ++i) {
      if (line_.said() == "credentials refused, waiting for renewed ones") return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  ScriptedStore server_;
  config::S3Settings s3_ = S3At(server_.url());
  std::shared_ptr<StopSwitch> stop_ = std::make_shared<StopSwitch>();
  Line line_;
};

TEST_F(GivenCredentials, AnOperationWhoseTokenExpiredWaitsForANewOneAndGoesOn) {
  RefuseUntilTokenIs("new-token");
  const auto store = OpenIt();
  std::optional<Status> stored;
  std::thread work([&] { stored = store->Put(Operation(), "o", AsBytes("content")); });
  EXPECT_TRUE(WaitsSoon());
  s3_.given->Renew({"another-id", Secret("another-key"), Secret("new-token")});
  work.join();
  EXPECT_OK(*stored);
  EXPECT_EQ(server_.objects().at("/place/o"), "content");
  EXPECT_EQ(line_.said(), "the credentials were renewed");
  EXPECT_NE(server_.heard().back().headers.at("authorization").find("another-id"),
            std::string::npos);
}

TEST_F(GivenCredentials, NewOnesThatAreRefusedTooAreWaitedForAgain) {
  RefuseUntilTokenIs("third");
  const auto store = OpenIt();
  std::optional<Status> stored;
  std::thread work([&] { stored = store->Put(Operation(), "o", AsBytes("x")); });
  for (const char* token : {"second", "third"}) {
    EXPECT_TRUE(WaitsSoon());
    line_.Say("");
    s3_.given->Renew({"id", Secret("key"), Secret(token)});
  }
  work.join();
  EXPECT_OK(*stored);
}

TEST_F(GivenCredentials, WithoutNewOnesTheWaitEndsWithTheBudget) {
  RefuseUntilTokenIs("never");
  const Status refused = OpenIt(seconds(1))->Put(Operation(), "o", AsBytes("x"));
  EXPECT_EQ(ReasonOf(refused), "CREDENTIALS_REFUSED") << refused.ToString();
}

TEST_F(GivenCredentials, ACancelEndsTheWait) {
  RefuseUntilTokenIs("never");
  const auto store = OpenIt();
  std::optional<Status> ended;
  std::thread work([&] { ended = store->Put(Operation(), "o", AsBytes("x")); });
  EXPECT_TRUE(WaitsSoon());
  stop_->RequestStop(StopReason::kCancelled);
  work.join();
  EXPECT_EQ(ReasonOf(*ended), "CANCELLED");
}

TEST_F(GivenCredentials, ACallThatIsNoOperationIsRefusedAtOnce) {
  RefuseUntilTokenIs("never");
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(ReasonOf(OpenIt()->Get(Ctx(), "o", 10)), "CREDENTIALS_REFUSED");
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10));
}

TEST_F(GivenCredentials, WhoUndoesWaitsNoLonger) {
  RefuseUntilTokenIs("never");
  s3_.given->EndWaiting();
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(ReasonOf(OpenIt()->Remove(Operation(), "o")), "CREDENTIALS_REFUSED");
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10));
}

TEST_F(GivenCredentials, ASwiftTokenIsRenewedTheSameWay) {
  server_.Always([](const HeardRequest& request, Reply& reply) {
    if (request.headers.at("x-auth-token") == "new-token") return false;
    reply.Send(401);
    return true;
  });
  const config::SwiftSettings swift = SwiftAt(server_.url() + "/v1/AUTH_a");
  storage::HttpStoreSettings settings = QuickSettings();
  settings.given = swift.given;
  const auto store = OpenSwift(swift, settings);
  std::optional<Status> stored;
  std::thread work([&] { stored = store->Replace(Operation(), "o", AsBytes("x")); });
  EXPECT_TRUE(WaitsSoon());
  swift.given->Renew({"", Secret("new-token"), {}});
  work.join();
  EXPECT_OK(*stored);
}

class RuledStore : public testing::Test {
 protected:
  Status Ask(const std::string& endpoint, const config::TargetRules& rules) {
    storage::HttpStoreSettings settings = QuickSettings();
    settings.http.rules = rules;
    return OpenS3(S3At(endpoint), settings)->Put(Ctx(), "o", AsBytes("x"));
  }
  std::string ByName() const {
    return "http://localhost" + server_.url().substr(server_.url().rfind(':'));
  }
  ScriptedStore server_;
};

TEST_F(RuledStore, AHostThatNobodyNamedMustNotHaveAnAddressOfThisMachine) {
  const Status refused = Ask(ByName(), {{"*"}, true});
  EXPECT_EQ(ReasonOf(refused), "TARGET_NOT_ALLOWED") << refused.ToString();
  EXPECT_EQ(server_.connections(), 0);
  EXPECT_OK(Ask(ByName(), {{"localhost"}, true}));
}

TEST_F(RuledStore, ALoginKeepsToTheRulesOfItsStore) {
  config::StoreSettings settings;
  settings.kind = "swift";
  settings.swift = SwiftAt("");
  settings.swift.auth = "tempauth";
  settings.swift.auth_url = server_.url() + "/auth/v1.0";
  settings.swift.storage_url = server_.url() + "/v1/AUTH_a";
  settings.swift.user = "a:u";
  settings.transport.proxy = "none";
  settings.transport.rules = config::TargetRules{{"127.0.0.1"}, true};
  server_.Next(AnswerWith(200, {"x-auth-token: t"}));
  ASSERT_OK_AND_ASSIGN(const auto store, storage::OpenStore(settings));
  EXPECT_OK(store->Replace(Ctx(), "o", AsBytes("x")));
}

TEST_F(RuledStore, TheStoreThatALoginLeadsToIsHeldAgainstTheRulesToo) {
  server_.Next(
      AnswerWith(200, {"x-auth-token: t", "x-storage-url: http://elsewhere.example/v1/a"}));
  config::SwiftSettings swift = SwiftAt("");
  swift.auth = "tempauth";
  swift.auth_url = server_.url() + "/auth/v1.0";
  swift.storage_url.clear();
  swift.user = "a:u";
  storage::HttpStoreSettings settings = QuickSettings();
  settings.http.rules = config::TargetRules{{"127.0.0.1"}, true};
  const Status refused = OpenSwift(swift, settings)->Replace(Ctx(), "o", AsBytes("x"));
  EXPECT_EQ(ReasonOf(refused), "TARGET_NOT_ALLOWED") << refused.ToString();
}

}  // namespace
}  // namespace dbagent::tests
