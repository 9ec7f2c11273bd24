// What only a Swift store does, at a scripted server and at a real Swift.
#include "agent/storage/swift_store.h"

#include <gtest/gtest.h>

#include <thread>

#include "agent/storage/open_store.h"
#include "tests/store/scripted_settings.h"

namespace dbagent::tests {
namespace {

using storage::ObjectStore;

TEST(SwiftStore, SendsTheMd5AndNoticesThatTheStoreTellsAnother) {
  ScriptedStore server;
  const auto store = OpenSwift(SwiftAt(server.url()));
  ASSERT_OK(store->Put(Ctx(), "a=b/o", AsBytes("hello")));
  EXPECT_EQ(server.heard().back().target, "/place/a%3Db/o");
  EXPECT_EQ(server.heard().back().headers.at("etag"), "5d41402abc4b2a76b9719d911017c592");
  server.Next(AnswerWith(201, {"ETag: 00000000000000000000000000000000"}));
  const Status put = store->Put(Ctx(), "p", AsBytes("hello"));
  EXPECT_EQ(ReasonOf(put), "IO_ERROR");
  EXPECT_NE(put.FullMessage().find("other bytes"), std::string::npos);
  server.Next(AnswerWith(422));  // bytes were damaged on their way
  EXPECT_OK(store->Put(Ctx(), "q", AsBytes("hello")));
}

TEST(SwiftStore, AGivenTokenThatWasRenewedIsTakenWhenTheOldOneIsRefused) {
  ScriptedStore server;
  config::SwiftSettings settings = SwiftAt(server.url());
  const auto store = OpenSwift(settings);
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("x")));
  EXPECT_EQ(server.heard().back().headers.at("x-auth-token"), "hunter2-token");
  server.Next(AnswerWith(401));
  EXPECT_EQ(ReasonOf(store->Put(Ctx(), "p", AsBytes("x"))), "CREDENTIALS_REFUSED");
  settings.given->Renew({"", Secret("hunter3-token"), {}});
  server.Next(AnswerWith(401));
  ASSERT_OK(store->Put(Ctx(), "p", AsBytes("x")));
  EXPECT_EQ(server.heard().back().headers.at("x-auth-token"), "hunter3-token");
  server.Next(AnswerWith(498));  // the rate limit's own status
  EXPECT_OK(store->Put(Ctx(), "q", AsBytes("x")));
}

TEST(SwiftStore, AnObjectThatWasStoredIsAskedForAgainBeforeItIsMissing) {
  ScriptedStore server;
  const auto store = OpenSwift(SwiftAt(server.url()));
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("x")));
  server.Next(AnswerWith(404), 2);
  EXPECT_EQ(ReasonOf(store->Get(Ctx(), "o", 10)), "OBJECT_NOT_FOUND");
  EXPECT_OK(store->GetStored(Ctx(), "o", 10));
  EXPECT_EQ(ReasonOf(store->GetStored(Ctx(), "never", 10)), "OBJECT_NOT_FOUND");
}

// A server that gives tokens t1, t2 …, and refuses all but the newest.
class TokenServer {
 public:
  TokenServer() {
    server.Always([this](const HeardRequest& request, Reply& reply) {
      if (request.path() == "/auth/v1.0") {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        reply.Send(200, {fmt::format("X-Auth-Token: t{}", ++given),
                         "X-Storage-Url: " + server.url() + "/"});
        return true;
      }
      if (request.path() == "/info") return false;  // everybody's
      if (request.headers.at("x-auth-token") == fmt::format("t{}", valid.load())) return false;
      reply.Send(401);
      return true;
    });
  }
  config::SwiftSettings Settings() const {
    config::SwiftSettings settings = SwiftAt("");
    settings.auth = "tempauth";
    settings.auth_url = server.url() + "/auth/v1.0";
    settings.user = "a:u";
    return settings;
  }
  ScriptedStore server;
  std::atomic<int> given = 0, valid = 1;
};

TEST(SwiftStore, ATokenThatExpiredIsRenewedByOneThreadForAll) {
  TokenServer tokens;
  const auto store = OpenSwift(tokens.Settings());
  ASSERT_OK(store->Put(Ctx(), "first", AsBytes("x")));
  EXPECT_EQ(tokens.given, 1);
  tokens.valid = 2;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back(
        [&, i] { EXPECT_OK(store->Put(Ctx(), fmt::format("o{}", i), AsBytes("x"))); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tokens.given, 2);
}

TEST(SwiftStore, ATokenThatIsRefusedEvenFreshEndsTheRequest) {
  TokenServer tokens;
  tokens.valid = 1000;
  const auto store = OpenSwift(tokens.Settings());
  EXPECT_EQ(ReasonOf(store->Put(Ctx(), "o", AsBytes("x"))), "CREDENTIALS_REFUSED");
  EXPECT_EQ(tokens.given, 2);
}

TEST(SwiftStore, AnIdentityServiceThatIsAwayIsWaitedFor) {
  TokenServer tokens;
  tokens.server.Next(AnswerWith(503), 2);
  const auto store = OpenSwift(tokens.Settings());
  EXPECT_OK(store->Put(Ctx(), "o", AsBytes("x")));
}

TEST(SwiftStoreAtSwift, AWrongKeyIsRefusedAndNotShown) {
  config::StoreSettings settings = TheSwift().Swift("c");
  settings.swift.given = GivenTo("wrong-key");
  ASSERT_OK_AND_ASSIGN(const auto store, storage::OpenStore(settings));
  const Status put = store->Put(Ctx(), "o", AsBytes("x"));
  EXPECT_EQ(ReasonOf(put), "CREDENTIALS_REFUSED");
  EXPECT_EQ(put.ToString().find("wrong-key"), std::string::npos);
  EXPECT_NE(put.FullMessage().find("/auth/v1.0"), std::string::npos);
}

TEST(SwiftStoreAtSwift, AUserWithoutRightsIsDenied) {
  config::StoreSettings settings = TheSwift().Swift("c");
  settings.swift.user = "test:reader";
  settings.swift.given = GivenTo("reading");
  ASSERT_OK_AND_ASSIGN(const auto store, storage::OpenStore(settings));
  EXPECT_EQ(ReasonOf(store->Put(Ctx(), "o", AsBytes("x"))), "PERMISSION_DENIED");
}

TEST(SwiftStoreAtSwift, AContainerIsMadeOnlyWhenTheSettingsSaySo) {
  config::StoreSettings settings = TheSwift().Swift("not made");
  settings.swift.create = false;
  ASSERT_OK_AND_ASSIGN(const auto careful, storage::OpenStore(settings));
  const Status put = careful->Put(Ctx(), "o", AsBytes("x"));
  EXPECT_EQ(ReasonOf(put), "CONTAINER_NOT_FOUND");
  EXPECT_NE(put.hint().find("create: true"), std::string::npos);
  EXPECT_EQ(ReasonOf(careful->List(Ctx(), "", {})), "CONTAINER_NOT_FOUND");
  EXPECT_EQ(ReasonOf(careful->Get(Ctx(), "o", 1)), "CONTAINER_NOT_FOUND");
  settings.swift.create = true;
  ASSERT_OK_AND_ASSIGN(const auto eager, storage::OpenStore(settings));
  ASSERT_OK(eager->Put(Ctx(), "o", AsBytes("x")));
  EXPECT_OK(careful->Get(Ctx(), "o", 1));
}

TEST(SwiftStoreAtSwift, AContainersQuotaIsNoSpace) {
  ASSERT_OK_AND_ASSIGN(const auto store, storage::OpenStore(TheSwift().Swift("small")));
  ASSERT_OK(store->Put(Ctx(), "o", AsBytes("x")));
  net::HttpClient client({.ca_file = {}, .proxy = "none"});
  const auto login =
      client.Do(Ctx(), {.method = "GET",
                        .url = TheSwift().url() + "/auth/v1.0",
                        .headers = {{"x-auth-user", "test:tester"}, {"x-auth-key", "testing"}}});
  ASSERT_OK(login);
  const auto quota = [&](const std::string& bytes) {
    const auto set =
        client.Do(Ctx(), {.method = "POST",
                          .url = std::string(login->header("x-storage-url")) + "/small",
                          .headers = {{"x-auth-token", std::string(login->header("x-auth-token"))},
                                      {"x-container-meta-quota-bytes", bytes}}});
    ASSERT_OK(set);
    EXPECT_EQ(set->status, 204);
  };
  quota("1000");
  const Status full = store->Put(Ctx(), "large", AsBytes(std::string(5000, 'x')));
  EXPECT_EQ(ReasonOf(full), "NO_SPACE");
  EXPECT_NE(full.FullMessage().find("quota"), std::string::npos) << full.FullMessage();
  quota("1000000");
  EXPECT_OK(store->Put(Ctx(), "large", AsBytes(std::string(5000, 'x'))));
}

TEST(SwiftStoreLimits, AnObjectLargerThanTheServiceTakesIsToldWithItsLimit) {
  ScriptedStore server;
  server.Always([](const HeardRequest& request, Reply& reply) {
    if (request.path() != "/info") return false;
    EXPECT_FALSE(request.headers.contains("x-auth-token")) << "/info is everybody's";
    reply.Send(200, {}, R"({"swift": {"max_file_size": 1000, "version": "2.30"}})");
    return true;
  });
  const auto store = OpenSwift(SwiftAt(server.url() + "/v1/account"));
  ASSERT_OK(store->Put(Ctx(), "fits", AsBytes(std::string(1000, 'x'))));
  const Status large = store->Put(Ctx(), "large", AsBytes(std::string(1001, 'x')));
  EXPECT_EQ(ReasonOf(large), "STORE_REFUSED");
  EXPECT_NE(large.message().find("it has 1001 bytes, the store takes objects of at most 1000"),
            std::string::npos)
      << large.FullMessage();
  EXPECT_NE(large.hint().find("backup.chunk_size"), std::string::npos);
}

TEST(SwiftStoreLimits, AServiceThatDoesNotTellThemIsTakenAsItIs) {
  for (const int status : {200, 401, 403, 404}) {
    ScriptedStore server;
    server.Always([status](const HeardRequest& request, Reply& reply) {
      if (request.path() != "/info") return false;
      reply.Send(status, {}, "<html>no</html>");
      return true;
    });
    EXPECT_OK(OpenSwift(SwiftAt(server.url() + "/v1/account"))
                  ->Put(Ctx(), "o", AsBytes(std::string(5000, 'x'))))
        << status;
  }
}

}  // namespace
}  // namespace dbagent::tests
