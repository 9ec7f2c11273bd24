// What every object store must do (agent/storage/object_store.h). A kind of store joins by one more
// row in Stores().
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "agent/base/ids.h"
#include "agent/base/parallel.h"
#include "agent/storage/file_store.h"
#include "agent/storage/open_store.h"
#include "agent/stream/sha256.h"
#include "tests/support/status_matchers.h"
#include "tests/support/swift_server.h"
#include "tests/support/temp_dir.h"

namespace dbagent::tests {
namespace {

using storage::Listed;
using storage::ObjectStore;

constexpr std::size_t kLargestObject = 16U << 20U;
constexpr std::size_t kNoLimit = 64U << 20U;

// An empty store, gone with this.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual ObjectStore& store() = 0;
};

class FileStoreUnderTest : public StoreUnderTest {
 public:
  ObjectStore& store() override { return *store_; }

 private:
  const TempDir directory_;
  const std::unique_ptr<ObjectStore> store_ = storage::MakeFileStore(directory_ / "store");
};

// One object store that both protocols of the real Swift show, in a container of its own.
class HttpStoreUnderTest : public StoreUnderTest {
 public:
  explicit HttpStoreUnderTest(bool s3) {
    const std::string container = "contract-" + NewUuid();
    store_ = Open(TheSwift().Swift(container));
    if (!s3) return;
    // an S3 bucket must be there: the other protocol makes it
    const OpContext ctx = OpContext().WithBudget(std::chrono::seconds(60));
    EXPECT_OK(store_->Replace(ctx, "first", {}));
    EXPECT_OK(store_->Remove(ctx, "first"));
    store_ = Open(TheSwift().S3(container));
  }
  ObjectStore& store() override { return *store_; }

 private:
  static std::unique_ptr<ObjectStore> Open(const config::StoreSettings& settings) {
    auto opened = storage::OpenStore(settings);
    EXPECT_OK(opened);
    return *std::move(opened);
  }

  std::unique_ptr<ObjectStore> store_;
};

struct StoreKind {
  const char* name;
  std::unique_ptr<StoreUnderTest> (*make)();
  // Swift looks whether the object is there when a PUT begins: of those that are under way together
  // several go through (observed; swift/obj/server.py, PUT). Its S3 face refuses conditions (501).
  bool one_put_wins = true;
};
void PrintTo(const StoreKind& kind, std::ostream* out) {
  *out << kind.name;
}
template <typename Kind, auto... arguments>
std::unique_ptr<StoreUnderTest> Make() {
  return std::make_unique<Kind>(arguments...);
}
const StoreKind kStores[] = {{"File", Make<FileStoreUnderTest>},
                             {"Swift", Make<HttpStoreUnderTest, false>, false},
                             {"S3", Make<HttpStoreUnderTest, true>, false}};

class StoreContract : public testing::TestWithParam<StoreKind> {
 protected:
  ObjectStore& store() { return under_test_->store(); }
  OpContext ctx() const { return OpContext().WithBudget(std::chrono::seconds(60)); }

  Status Put(const std::string& name, std::string_view content) {
    return store().Put(ctx(), name, AsBytes(content));
  }
  std::string Get(const std::string& name) {
    const auto content = store().Get(ctx(), name, kNoLimit);
    return content.ok() ? std::string(AsText(*content)) : content.status().reason();
  }
  bool Exists(const std::string& name) {
    const Result<bool> exists = store().Exists(ctx(), name);
    EXPECT_OK(exists);
    return exists.ok() && *exists;
  }
  std::vector<std::string> Names(const std::string& prefix, const storage::ListPage& page = {}) {
    std::vector<std::string> names;
    const auto listed = store().List(ctx(), prefix, page);
    EXPECT_OK(listed);
    if (!listed.ok()) return names;
    for (const Listed& one : *listed) names.push_back(one.name);
    return names;
  }
  using Strings = std::vector<std::string>;

 private:
  std::unique_ptr<StoreUnderTest> under_test_ = GetParam().make();
};

TEST_P(StoreContract, GivesBackWhatWasPut) {
  const std::string every_byte = [] {
    std::string text;
    for (int byte = 0; byte < 256; ++byte) text += static_cast<char>(byte);
    return text;
  }();
  ASSERT_OK(Put("a/b/c", every_byte));
  EXPECT_EQ(Get("a/b/c"), every_byte);
  EXPECT_TRUE(Exists("a/b/c"));
}

TEST_P(StoreContract, TakesTheContentsDigestFromItsCaller) {
  ASSERT_OK(store().Put(ctx(), "o", {AsBytes("content"), stream::Sha256Hex(AsBytes("content"))}));
  EXPECT_EQ(Get("o"), "content");
}

TEST_P(StoreContract, RemovesManyAtATime) {
  Strings names;
  for (int i = 0; i < 30; ++i) names.push_back(fmt::format("a/{}/o%20=", i));
  for (const std::string& name : names) ASSERT_OK(Put(name, "x"));
  ASSERT_OK(Put("a/stays", "x"));
  names.push_back("a/was/never/there");
  ASSERT_OK(store().RemoveAll(ctx(), names));
  EXPECT_EQ(Names("a/"), Strings{"a/stays"});
  EXPECT_FALSE(Exists(names[0]));
  EXPECT_OK(store().RemoveAll(ctx(), names));
  EXPECT_OK(store().RemoveAll(ctx(), {}));
  EXPECT_EQ(ReasonOf(store().RemoveAll(ctx(), {"../out"})), "NAME_INVALID");
}

TEST_P(StoreContract, HoldsEmptyAndLargeObjects) {
  std::string large(kLargestObject + 70000, 'x');
  for (std::size_t at = 0; at < large.size(); at += 997) large[at] = static_cast<char>(at);
  ASSERT_OK(Put("empty", ""));
  ASSERT_OK(Put("large", large));
  EXPECT_EQ(Get("empty"), "");
  EXPECT_TRUE(Exists("empty"));
  EXPECT_TRUE(Get("large") == large);
  const auto listed = store().List(ctx(), "", {});
  ASSERT_OK(listed);
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_EQ((*listed)[0].bytes, 0U);
  EXPECT_EQ((*listed)[1].bytes, large.size());
}

TEST_P(StoreContract, RefusesAnObjectLargerThanAskedFor) {
  ASSERT_OK(Put("o", "0123456789"));
  EXPECT_EQ(ReasonOf(store().Get(ctx(), "o", 9)), "OBJECT_TOO_LARGE");
  EXPECT_OK(store().Get(ctx(), "o", 10));
}

TEST_P(StoreContract, PutNeverChangesWhatIsThere) {
  ASSERT_OK(Put("o", "first"));
  EXPECT_EQ(ReasonOf(Put("o", "second")), "OBJECT_EXISTS");
  EXPECT_EQ(ReasonOf(Put("o", "first")), "OBJECT_EXISTS");
  EXPECT_EQ(Get("o"), "first");
  ASSERT_OK(store().Remove(ctx(), "o"));
  ASSERT_OK(Put("o", "third"));
  EXPECT_EQ(Get("o"), "third");
}

TEST_P(StoreContract, ReplacePutsInPlaceOfWhatIsThereOrIsNot) {
  ASSERT_OK(store().Replace(ctx(), "f/o", AsBytes("a longer first one")));
  EXPECT_EQ(Get("f/o"), "a longer first one");
  ASSERT_OK(store().Replace(ctx(), "f/o", AsBytes("second")));
  EXPECT_EQ(Get("f/o"), "second");
  EXPECT_EQ(ReasonOf(Put("f/o", "third")), "OBJECT_EXISTS");
}

TEST_P(StoreContract, TellsWhatIsMissing) {
  ASSERT_OK(Put("folder/object", "x"));
  for (const char* name : {"nothing", "folder/nothing", "no/folder", "folder", "folder/object/x"}) {
    EXPECT_EQ(Get(name), "OBJECT_NOT_FOUND") << name;
    EXPECT_FALSE(Exists(name)) << name;
  }
}

TEST_P(StoreContract, RemovesWhatIsThereAndForgivesWhatIsNot) {
  ASSERT_OK(Put("a/one", "1"));
  ASSERT_OK(Put("a/two", "2"));
  ASSERT_OK(store().Remove(ctx(), "a/one"));
  ASSERT_OK(store().Remove(ctx(), "a/one"));
  ASSERT_OK(store().Remove(ctx(), "never/was"));
  EXPECT_EQ(Names("a/"), (Strings{"a/two"}));
  ASSERT_OK(store().Remove(ctx(), "a/two"));
  EXPECT_EQ(Names(""), Strings());
  ASSERT_OK(Put("a/one", "again"));
  EXPECT_EQ(Get("a/one"), "again");
}

TEST_P(StoreContract, TakesEveryNameThatTheContractAllows) {
  const std::string long_part(255, 'n');
  const std::string folder(255, 'f');
  std::string longest = folder + "/" + folder + "/" + folder + "/n/";
  longest += std::string(1024 - longest.size(), 'z');
  const std::string names[] = {"-",      "_",     ".hidden", "a..b",       "...",
                               "%41%2F", "a=b",   "UPPER",   "upper",      "databases/%20.sql",
                               "a.b/c",  "a/b/c", long_part, "x.new-name", longest};
  for (const std::string& name : names) ASSERT_OK(Put(name, name)) << name;
  for (const std::string& name : names) EXPECT_EQ(Get(name), name);
}

TEST_P(StoreContract, RefusesNamesThatNoStoreShouldSee) {
  const std::string names[] = {"",
                               "/",
                               "/a",
                               "a/",
                               "a//b",
                               ".",
                               "..",
                               "a/..",
                               "../a",
                               "a/./b",
                               "a b",
                               "a?b",
                               "ä",
                               "a\nb",
                               std::string("a\0b", 3),
                               "a\\b",
                               std::string(256, 'n'),
                               std::string(1025, 'n')};
  for (const std::string& name : names) {
    EXPECT_EQ(ReasonOf(Put(name, "x")), "NAME_INVALID") << name;
    EXPECT_EQ(ReasonOf(store().Replace(ctx(), name, {})), "NAME_INVALID") << name;
    EXPECT_EQ(ReasonOf(store().Get(ctx(), name, 1)), "NAME_INVALID") << name;
    EXPECT_EQ(ReasonOf(store().Exists(ctx(), name)), "NAME_INVALID") << name;
    EXPECT_EQ(ReasonOf(store().Remove(ctx(), name)), "NAME_INVALID") << name;
  }
  EXPECT_EQ(Names(""), Strings());
}

TEST_P(StoreContract, ListsOneLevelInOrder) {
  for (const char* name : {"b/2", "b/10", "b/1", "b/c/d", "b.x", "b-x", "a", "bb/x"})
    ASSERT_OK(Put(name, "x"));
  EXPECT_EQ(Names(""), (Strings{"a", "b-x", "b.x", "b/", "bb/"}));
  EXPECT_EQ(Names("b/"), (Strings{"b/1", "b/10", "b/2", "b/c/"}));
  EXPECT_EQ(Names("b/c/"), (Strings{"b/c/d"}));
  EXPECT_EQ(Names("nowhere/"), Strings());
  // from a name that is a folder, or before or after all of the listing
  EXPECT_EQ(Names("", {"b/", 9}), (Strings{"bb/"}));
  EXPECT_EQ(Names("b/", {"a/", 9}), (Strings{"b/1", "b/10", "b/2", "b/c/"}));
  EXPECT_EQ(Names("b/", {"b/", 9}), (Strings{"b/1", "b/10", "b/2", "b/c/"}));
  EXPECT_EQ(Names("b/", {"b/c/", 9}), Strings());
  EXPECT_EQ(Names("b/", {"bb", 9}), Strings());
}

TEST_P(StoreContract, ListsManyObjectsPageByPage) {
  constexpr int kObjects = 1003;
  Strings all;
  for (int i = 0; i < kObjects; ++i) all.push_back(fmt::format("many/{:05}", i));
  ASSERT_OK(ForEachParallel(ctx(), all.size(), 8, [&](const OpContext& each, std::size_t i) {
    return store().Put(each, all[i], AsBytes("x"));
  }));
  for (const std::size_t limit : {std::size_t{1003}, std::size_t{100}, std::size_t{251}}) {
    Strings found;
    storage::ListPage page{"", limit};
    for (;;) {
      const Strings names = Names("many/", page);
      EXPECT_LE(names.size(), limit);
      found.insert(found.end(), names.begin(), names.end());
      if (names.size() < limit) break;
      page.after = names.back();
    }
    EXPECT_EQ(found, all) << limit;
  }
  EXPECT_EQ(Names("many/", {"many/00500", 2}), (Strings{"many/00501", "many/00502"}));
  EXPECT_EQ(Names("many/", {"many/00500x", 1}), (Strings{"many/00501"}));
}

TEST_P(StoreContract, ListAllMayRemoveWhatItIsShown) {
  for (int i = 0; i < 50; ++i) ASSERT_OK(Put(fmt::format("all/{}", i), "x"));
  std::size_t shown = 0;
  ASSERT_OK(ListAll(store(), ctx(), "all/", [&](const Listed& listed) {
    ++shown;
    return store().Remove(ctx(), listed.name);
  }));
  EXPECT_EQ(shown, 50U);
  EXPECT_EQ(Names(""), Strings());
  ASSERT_OK(Put("all/one", "x"));
  EXPECT_EQ(
      ReasonOf(ListAll(store(), ctx(), "all/",
                       [](const Listed&) { return Error(Code::kInternal, "ENOUGH", "enough"); })),
      "ENOUGH");
}

TEST_P(StoreContract, OfManyPutsOfOneNameExactlyOneWins) {
  constexpr int kThreads = 8, kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    const std::string name = fmt::format("race/{}", round);
    std::atomic<int> winner = -1, wins = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        const Status put = Put(name, std::string(5000, static_cast<char>('a' + i)));
        if (put.ok()) {
          winner = i;
          ++wins;
        } else {
          EXPECT_EQ(put.reason(), "OBJECT_EXISTS");
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_GE(wins, 1);
    const std::string stored = Get(name);
    ASSERT_EQ(stored.size(), 5000U);
    EXPECT_EQ(stored, std::string(5000, stored.front())) << "a mixture";
    EXPECT_EQ(ReasonOf(Put(name, "late")), "OBJECT_EXISTS");
    if (!GetParam().one_put_wins) continue;
    EXPECT_EQ(wins, 1);
    EXPECT_EQ(stored.front(), static_cast<char>('a' + winner));
  }
}

TEST_P(StoreContract, ManyThreadsPutAndRemoveBesideEachOther) {
  constexpr int kThreads = 6, kRounds = 60;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        // the folder empties and fills all the time
        const std::string name = fmt::format("shared/deep/{}-{}", i, round);
        ASSERT_OK(Put(name, name));
        ASSERT_EQ(Get(name), name);
        ASSERT_OK(store().Remove(ctx(), name));
        ASSERT_FALSE(Exists(name));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Names(""), Strings());
}

TEST_P(StoreContract, AReaderNeverSeesHalfAnObject) {
  constexpr std::size_t kSize = 3U << 20U;
  std::atomic<bool> ending = false;
  std::atomic<int> seen = 0;
  std::thread reader([&] {
    while (!ending) {
      for (const char* name : {"put", "replaced"}) {
        const auto content = store().Get(ctx(), name, kNoLimit);
        if (!content.ok()) {
          EXPECT_EQ(content.status().reason(), "OBJECT_NOT_FOUND");
          continue;
        }
        ++seen;
        EXPECT_EQ(content->size(), kSize);
        EXPECT_TRUE(content->empty() || content->front() == content->back());
      }
    }
  });
  for (char round = 'a'; round < 'm'; ++round) {
    const std::string content(kSize, round);
    EXPECT_OK(store().Replace(ctx(), "replaced", AsBytes(content)));
    EXPECT_OK(Put("put", content));
    EXPECT_OK(store().Remove(ctx(), "put"));
  }
  ending = true;
  reader.join();
  EXPECT_GT(seen, 0);
}

TEST_P(StoreContract, ACancelInTheMiddleLeavesNothing) {
  const std::string large(kLargestObject, 'x');
  ASSERT_OK(store().Replace(ctx(), "kept", AsBytes("old")));
  int cancelled = 0;
  for (int round = 0; round < 20; ++round) {
    const auto stop = std::make_shared<StopSwitch>();
    const OpContext stopping(stop, Deadline::Never(), "", nullptr);
    std::thread stopper([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(500 * round));
      stop->RequestStop(StopReason::kCancelled);
    });
    const Status put = store().Put(stopping, "cut", AsBytes(large));
    const Status replaced = store().Replace(stopping, "kept", AsBytes(large));
    stopper.join();
    if (put.ok()) {
      EXPECT_EQ(Get("cut").size(), large.size());
    } else {
      EXPECT_EQ(put.reason(), "CANCELLED");
      EXPECT_FALSE(Exists("cut"));
      ++cancelled;
    }
    EXPECT_EQ(Get("kept").size(), replaced.ok() ? large.size() : 3U);
    ASSERT_OK(store().Remove(ctx(), "cut"));
    ASSERT_OK(store().Replace(ctx(), "kept", AsBytes("old")));
  }
  EXPECT_GT(cancelled, 0);
  const auto stopped = std::make_shared<StopSwitch>();
  stopped->RequestStop(StopReason::kCancelled);
  const OpContext ended(stopped, Deadline::Never(), "", nullptr);
  EXPECT_EQ(ReasonOf(store().Put(ended, "x", {})), "CANCELLED");
  EXPECT_EQ(ReasonOf(store().Get(ended, "kept", 10)), "CANCELLED");
  EXPECT_EQ(ReasonOf(store().List(ended, "", {})), "CANCELLED");
  EXPECT_EQ(ReasonOf(store().Remove(ended, "kept")), "CANCELLED");
  EXPECT_EQ(Names(""), (Strings{"kept"}));
}

INSTANTIATE_TEST_SUITE_P(Every, StoreContract, testing::ValuesIn(kStores),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace dbagent::tests
