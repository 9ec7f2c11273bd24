// What a light load of the database notices of a polite backup, beside a plain copy at the same
// rate.
#include <gtest/gtest.h>

#include <future>
#include <random>

#include "tests/bench/speed.h"

namespace dbagent::tests {
namespace {

constexpr int kMegabytesASecond = 100;
constexpr int kRows = 5 * kRowsAtOnce;

class Polite : public Speed {
 protected:
  // Some two hundred queries a second by the primary key, each a row of somewhere, as long as
  // `work` lasts.
  Samples LoadWhile(const std::function<void()>& work) {
    std::future<void> done = std::async(std::launch::async, work);
    const auto session = BareSession(agent_, "bulk");
    std::mt19937 random(1);
    std::uniform_int_distribution<int> row(1, kRows);
    Samples samples;
    while (done.wait_for(std::chrono::milliseconds(4)) != std::future_status::ready) {
      samples.Time([&] {
        Ask(*session, fmt::format("SELECT payload FROM bulk WHERE id = {}", row(random)));
      });
    }
    done.get();
    return samples;
  }
};

TEST_F(Polite, QueriesBesideABackup) {
  const std::string copy = PlainCopy(agent_);
  if (copy.empty()) GTEST_SKIP() << "there is no plain tool";
  Begin(true);
  const bool rated = TheTraits().kind == "postgresql";  // mariadb-backup counts in other units
  const std::string plain =
      copy + (rated ? fmt::format(" --max-rate={}M", kMegabytesASecond) : "") + " >/dev/null";
  const auto ours = [&] {
    Backup(fmt::format("--physical --polite --rate {}MB", kMegabytesASecond));
  };
  Report("queries, nothing beside them",
         LoadWhile([] { std::this_thread::sleep_for(std::chrono::seconds(10)); }).ToString());
  std::vector<double> ratios;
  Samples all_ours, all_theirs;
  for (int i = 0; i < Pairs(); ++i) {
    Samples now[2];
    for (const int side : {i % 2, 1 - i % 2})
      now[side] = LoadWhile(side == 0 ? std::function<void()>(ours) : [&] { Shell(plain); });
    ratios.push_back(now[0].Percentile(0.99) / now[1].Percentile(0.99));
    all_ours.Merge(now[0]);
    all_theirs.Merge(now[1]);
  }
  std::sort(ratios.begin(), ratios.end());
  Report("queries beside a polite backup", all_ours.ToString(),
         fmt::format("p99 x {:.2f} ({:.2f} to {:.2f}) plain copy{}: {}", ratios[ratios.size() / 2],
                     ratios.front(), ratios.back(), rated ? " at the same rate" : "",
                     all_theirs.ToString()));
}

}  // namespace
}  // namespace dbagent::tests
