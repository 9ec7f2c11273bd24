// first_connections SOCKET ACCOUNT: the first connections of a process, many at the same time. Ends
// with 1 when one of them fails.
#include <atomic>
#include <cstdio>
#include <latch>
#include <thread>
#include <vector>

#include "datastores/mysql/connection.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  constexpr int kThreads = 8;
  std::latch together(kThreads);
  std::atomic<bool> failed = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      together.arrive_and_wait();
      const auto connection = dbagent::datastore::mysql::Connection::Open(
          dbagent::OpContext(), {argv[1], argv[2]}, nullptr, std::chrono::seconds(10));
      if (connection.ok()) return;
      std::fprintf(stderr, "%s\n", connection.status().ToString().c_str());
      failed = true;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return failed ? 1 : 0;
}
