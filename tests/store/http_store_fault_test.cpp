// What S3 and Swift stores make of a server that lies, breaks off or says no; each ends with "and
// it recovers". The server is scripted (tests/support/scripted_store.h).
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "agent/base/unique_fd.h"
#include "tests/store/scripted_settings.h"
#include "tests/support/status_matchers.h"

namespace dbagent::tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using storage::HttpStoreSettings;
using storage::ObjectStore;
using Clock = std::chrono::steady_clock;

// The same for both protocols; the parameter says whether it is S3.
class HttpStoreFault : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    ASSERT_OK(store_->Put(Ctx(), "warm", AsBytes("content")));  // conditions and place are known
    before_ = server_.heard().size();
  }
  std::unique_ptr<ObjectStore> Open(const HttpStoreSettings& settings = QuickSettings()) {
    return GetParam() ? OpenS3(S3At(server_.url()), settings)
                      : OpenSwift(SwiftAt(server_.url()), settings);
  }
  // Requests since the store was warm.
  std::vector<HeardRequest> Heard() const {
    std::vector<HeardRequest> all = server_.heard();
    return {all.begin() + static_cast<std::ptrdiff_t>(before_), all.end()};
  }
  std::string Get(const std::string& name) {
    const auto content = store_->Get(Ctx(), name, 1U << 20U);
    return content.ok() ? std::string(AsText(*content)) : content.status().reason();
  }
  void ItRecovers() {
    ASSERT_OK(store_->Put(Ctx(), "after", AsBytes("all is well")));
    EXPECT_EQ(Get("after"), "all is well");
  }

  ScriptedStore server_;
  std::unique_ptr<ObjectStore> store_ = Open();
  std::size_t before_ = 0;
};

TEST_P(HttpStoreFault, ABurstOfServerErrorsIsSatOutAndTheSameBytesAreSentEachTime) {
  for (const int status : {500, 502, 503, 504, 408}) server_.Next(AnswerWith(status));
  const std::string chunk(3'000'000, 'c');
  ASSERT_OK(store_->Put(Ctx(), "o", AsBytes(chunk)));
  ASSERT_EQ(Heard().size(), 6U);
  for (const HeardRequest& request : Heard()) EXPECT_TRUE(request.body == chunk);
  EXPECT_TRUE(server_.objects().at("/place/o") == chunk);
  ItRecovers();
}

TEST_P(HttpStoreFault, AnOutageEndsWithWhatWasTriedAndWhere) {
  server_.Next(AnswerWith(500, {"x-amz-request-id: r17", "X-Trans-Id: r17"}), 6);
  const Status put = store_->Put(Ctx(), "o", AsBytes("x"));
  EXPECT_EQ(ReasonOf(put), "STORE_UNAVAILABLE");
  EXPECT_TRUE(put.retryable());
  for (const char* part : {"unable to store object 'o' in ", "'place'",
                           "127.0.0.1:", "tried 6 times in ", "HTTP 500", "(request id r17)"})
    EXPECT_NE(put.FullMessage().find(part), std::string::npos) << put.FullMessage();
  ItRecovers();
}

TEST_P(HttpStoreFault, ABodyThatIsCutIsReadAgain) {
  const auto cut = [](bool reset) {
    return [reset](const HeardRequest&, Reply& reply) {
      reply.Raw("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncon");
      std::this_thread::sleep_for(milliseconds(20));  // these bytes arrive
      reset ? reply.Reset() : reply.End();
      return true;
    };
  };
  server_.Next(cut(true));
  server_.Next(cut(false));
  EXPECT_EQ(Get("warm"), "content");
  EXPECT_EQ(Heard().size(), 3U);
  ItRecovers();
}

TEST_P(HttpStoreFault, ABodyWhoseEndNobodyCanTellIsReadAgain) {
  server_.Next([](const HeardRequest&, Reply& reply) {
    reply.Raw("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ncont");
    reply.End();
    return true;
  });
  EXPECT_EQ(Get("warm"), "content");
  ItRecovers();
}

TEST_P(HttpStoreFault, ABodyThatDoesNotGoOnIsReadAgain) {
  server_.Next([](const HeardRequest&, Reply& reply) {
    reply.Raw("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncon");
    std::this_thread::sleep_for(seconds(4));
    reply.Reset();
    return true;
  });
  const auto begun = Clock::now();
  EXPECT_EQ(Get("warm"), "content");
  EXPECT_LT(Clock::now() - begun, seconds(4));
  ItRecovers();
}

TEST_P(HttpStoreFault, APutWhoseAnswerWasLostKnowsItsObjectAgain) {
  server_.Next([&](const HeardRequest& request, Reply& reply) {
    server_.Keep(request);
    reply.Reset();
    return true;
  });
  ASSERT_OK(store_->Put(Ctx(), "o", AsBytes("mine")));
  EXPECT_EQ(Get("o"), "mine");
  EXPECT_EQ(ReasonOf(store_->Put(Ctx(), "o", AsBytes("mine"))), "OBJECT_EXISTS");
  ItRecovers();
}

TEST_P(HttpStoreFault, APutWhoseRetryMeetsAnothersObjectSaysSo) {
  server_.Next([&](const HeardRequest& request, Reply& reply) {
    HeardRequest others = request;
    others.headers["x-amz-meta-dbagent-put"] = "somebody";
    others.headers["x-object-meta-dbagent-put"] = "somebody";
    server_.Keep(others);
    reply.Reset();
    return true;
  });
  EXPECT_EQ(ReasonOf(store_->Put(Ctx(), "o", AsBytes("mine"))), "OBJECT_EXISTS");
  ItRecovers();
}

TEST_P(HttpStoreFault, AStoreThatIgnoresConditionsIsLookedAtFirst) {
  server_.ignore_conditions = true;
  const auto store = Open();
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("first")));
  EXPECT_EQ(ReasonOf(store->Put(Ctx(), "o", AsBytes("second"))), "OBJECT_EXISTS");
  EXPECT_EQ(Get("o"), "first");
  for (const auto& [path, content] : server_.objects())
    EXPECT_EQ(path.find("probe"), std::string::npos) << path;
}

TEST_P(HttpStoreFault, AStoreThatRefusesConditionsIsLookedAtFirst) {
  server_.Always([](const HeardRequest& request, Reply& reply) {
    if (!request.headers.contains("if-none-match")) return false;
    reply.Send(501);
    return true;
  });
  const auto store = Open();
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("first")));
  EXPECT_EQ(ReasonOf(store->Put(Ctx(), "o", AsBytes("second"))), "OBJECT_EXISTS");
  EXPECT_EQ(Get("o"), "first");
}

TEST_P(HttpStoreFault, AFullStoreIsToldAtOnce) {
  for (const int status : {413, 507}) {
    server_.Next(AnswerWith(status));
    const Status put = store_->Put(Ctx(), "o", AsBytes("x"));
    EXPECT_EQ(ReasonOf(put), "NO_SPACE");
    EXPECT_NE(put.hint(), "");
  }
  EXPECT_EQ(Heard().size(), 2U);
  ItRecovers();
}

TEST_P(HttpStoreFault, WaitsAsLongAsTheStoreSays) {
  server_.Next(AnswerWith(503, {"Retry-After: 1"}, S3ErrorBody("SlowDown")));
  const auto begun = Clock::now();
  ASSERT_OK(store_->Put(Ctx(), "o", AsBytes("x")));
  EXPECT_GE(Clock::now() - begun, seconds(1));
  EXPECT_LT(Clock::now() - begun, seconds(5));
  ItRecovers();
}

TEST_P(HttpStoreFault, AWaitThatWouldOutliveTheDeadlineIsNotBegun) {
  server_.Next(AnswerWith(503, {"Retry-After: 30"}));
  const auto begun = Clock::now();
  EXPECT_EQ(ReasonOf(store_->Put(OpContext().WithBudget(seconds(10)), "o", AsBytes("x"))),
            "STORE_UNAVAILABLE");
  EXPECT_LT(Clock::now() - begun, seconds(5));
  ItRecovers();
}

TEST_P(HttpStoreFault, AStoreThatHasTooManyRequestsGetsFewer) {
  constexpr int kThreads = 8;
  std::atomic<bool> overloaded = true;
  std::atomic<int> at_once = 0, most_later = 0;
  server_.Always([&](const HeardRequest&, Reply& reply) {
    const int now = ++at_once;
    std::this_thread::sleep_for(milliseconds(5));
    const bool refuse = overloaded && now > 2;
    if (!overloaded && now > most_later) most_later = now;
    --at_once;
    if (refuse) reply.Send(429);
    return refuse;
  });
  HttpStoreSettings settings = QuickSettings();
  settings.retries.attempts = 1000;
  settings.connections = kThreads;
  const auto store = Open(settings);
  ASSERT_OK(store->Put(Ctx(), "first", {}));
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 40; ++round)
        EXPECT_OK(store->Replace(Ctx(), fmt::format("{}-{}", i, round), AsBytes("x")));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto heard = server_.heard();
  EXPECT_LT(heard.size(), 8U * 40U * 2U) << "most requests were refused";
}

TEST_P(HttpStoreFault, ARedirectIsNotFollowedAndCredentialsStayHere) {
  ScriptedStore elsewhere;
  for (const int status : {301, 302, 307, 308}) {
    server_.Next(AnswerWith(status, {"Location: " + elsewhere.url() + "/place/o"}));
    EXPECT_EQ(ReasonOf(store_->Put(Ctx(), "o", AsBytes("x"))), "STORE_REDIRECTS") << status;
  }
  EXPECT_EQ(elsewhere.connections(), 0);
  ItRecovers();
}

TEST_P(HttpStoreFault, AMissingPlaceIsNoMissingObject) {
  server_.Always(AnswerWith(404));
  const auto store = Open();
  EXPECT_EQ(ReasonOf(store->Get(Ctx(), "o", 10)), "CONTAINER_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store->Exists(Ctx(), "o")), "CONTAINER_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store->Remove(Ctx(), "o")), "CONTAINER_NOT_FOUND");
  server_.Always(nullptr);
  EXPECT_EQ(ReasonOf(store->Get(Ctx(), "o", 10)), "OBJECT_NOT_FOUND");
}

TEST_P(HttpStoreFault, AnErrorsTextIsBoundedAndMayBeLongerThanTheObject) {
  server_.Next(AnswerWith(403, {}, S3ErrorBody("AccessDenied", std::string(40'000, ' '))));
  EXPECT_EQ(ReasonOf(store_->Get(Ctx(), "warm", 7)), "PERMISSION_DENIED");
  server_.Next(AnswerWith(500, {}, std::string(8U << 20U, 'x')), 6);
  const auto got = store_->Get(Ctx(), "warm", 7);
  EXPECT_EQ(ReasonOf(got), "STORE_UNAVAILABLE");
  EXPECT_LT(got.status().FullMessage().size(), 1000U);
  ItRecovers();
}

TEST_P(HttpStoreFault, ASecretThatComesBackIsNotPassedOn) {
  const Secret both[] = {Secret("hunter2-secret"), Secret("hunter2-token")};
  server_.Next(AnswerWith(
      400, {"x-amz-request-id: hunter2-secret", "X-Trans-Id: hunter2-token"},
      "<Error><Code>Odd</Code><Message>key hunter2-secret token hunter2-token</Message></Error>"));
  const Status put = store_->Put(Ctx(), "o", AsBytes("x"));
  EXPECT_EQ(ReasonOf(put), "STORE_REFUSED");
  EXPECT_EQ(put.ToString().find("hunter2"), std::string::npos) << put.ToString();
  EXPECT_NE(put.ToString().find("[secret]"), std::string::npos) << put.ToString();
  ItRecovers();
}

TEST_P(HttpStoreFault, ACancelIsHeardWhileTheStoreIsSilentAndWhileItIsWaitedFor) {
  for (const bool silent : {true, false}) {
    if (silent) {
      server_.Next([](const HeardRequest&, Reply& reply) {
        std::this_thread::sleep_for(seconds(4));
        reply.Reset();
        return true;
      });
    } else {
      server_.Next(AnswerWith(503, {"Retry-After: 15"}));
    }
    const auto stop = std::make_shared<StopSwitch>();
    const OpContext stopping(stop, Deadline::Never(), "", nullptr);
    std::thread stopper([&] {
      std::this_thread::sleep_for(milliseconds(300));
      stop->RequestStop(StopReason::kCancelled);
    });
    const auto begun = Clock::now();
    EXPECT_EQ(ReasonOf(store_->Get(stopping, "warm", 100)), "CANCELLED");
    EXPECT_LT(Clock::now() - begun, seconds(3));
    stopper.join();
  }
  ItRecovers();
}

TEST_P(HttpStoreFault, ACancelledPutThatWasSentWholeIsAnsweredAsItEnded) {
  server_.Next([](const HeardRequest&, Reply&) {
    std::this_thread::sleep_for(milliseconds(600));
    return false;
  });
  const auto stop = std::make_shared<StopSwitch>();
  const OpContext stopping(stop, Deadline::Never(), "", nullptr);
  std::thread stopper([&] {
    std::this_thread::sleep_for(milliseconds(200));
    stop->RequestStop(StopReason::kCancelled);
  });
  EXPECT_OK(store_->Put(stopping, "o", AsBytes("x")));
  stopper.join();
  EXPECT_EQ(Get("o"), "x");
}

TEST_P(HttpStoreFault, ConnectionsAreUsedAgain) {
  const int before = server_.connections();
  for (int i = 0; i < 20; ++i)
    ASSERT_OK(store_->Put(Ctx(), fmt::format("o{}", i), AsBytes(std::string(100'000, 'x'))));
  EXPECT_EQ(server_.connections(), before);
}

TEST_P(HttpStoreFault, AKeptConnectionThatDiedMattersToNobody) {
  server_.Next([](const HeardRequest&, Reply& reply) {
    reply.Raw("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncontent");
    reply.Reset();  // after a whole answer
    return true;
  });
  EXPECT_EQ(Get("warm"), "content");
  std::this_thread::sleep_for(milliseconds(50));
  ItRecovers();
}

TEST_P(HttpStoreFault, NobodyThereIsToldWithTheAddress) {
  std::string url;
  {
    const ScriptedStore gone;
    url = gone.url();
  }
  const auto store = GetParam() ? OpenS3(S3At(url)) : OpenSwift(SwiftAt(url));
  const Status put = store->Put(Ctx(), "o", AsBytes("x"));
  EXPECT_EQ(ReasonOf(put), "STORE_UNAVAILABLE");
  EXPECT_NE(put.FullMessage().find(url.substr(7)), std::string::npos) << put.FullMessage();
}

// A listener whose queue is full: the kernel drops further SYNs, so connecting hangs.
class FullListener {
 public:
  FullListener() : listener_(Socket()) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    auto* plain = reinterpret_cast<sockaddr*>(&address_);
    EXPECT_EQ(bind(listener_.get(), plain, size), 0);
    EXPECT_EQ(listen(listener_.get(), 0), 0);
    EXPECT_EQ(getsockname(listener_.get(), plain, &size), 0);
    for (UniqueFd& one : waiting_) {
      one = Socket();
      connect(one.get(), plain, size);  // what becomes of it does not matter
    }
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", ntohs(address_.sin_port)); }

 private:
  static UniqueFd Socket() {
    return UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  }
  UniqueFd listener_;
  std::array<UniqueFd, 4> waiting_;
  sockaddr_in address_{};
};

TEST(HttpStore, ACancelIsHeardWhileItConnectsAndConnectingHasItsOwnLimit) {
  const FullListener full;
  HttpStoreSettings settings = QuickSettings();
  settings.http.connect_timeout = seconds(3);
  settings.retries.attempts = 1;
  const auto store = OpenS3(S3At(full.url()), settings);
  EXPECT_EQ(ReasonOf(store->Get(Ctx(), "o", 1)), "STORE_UNAVAILABLE");
  const auto stop = std::make_shared<StopSwitch>();
  const OpContext stopping(stop, Deadline::Never(), "", nullptr);
  std::thread stopper([&] {
    std::this_thread::sleep_for(milliseconds(200));
    stop->RequestStop(StopReason::kCancelled);
  });
  const auto begun = Clock::now();
  EXPECT_EQ(ReasonOf(store->Get(stopping, "o", 1)), "CANCELLED");
  EXPECT_LT(Clock::now() - begun, seconds(2));
  stopper.join();
}

INSTANTIATE_TEST_SUITE_P(Protocols, HttpStoreFault, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "S3" : "Swift"; });

}  // namespace
}  // namespace dbagent::tests
