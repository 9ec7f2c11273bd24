#include <gtest/gtest.h>

#include "agent/stream/buffer_pool.h"

namespace dbagent::stream {
namespace {

TEST(BufferPool, GivesUsedMemoryAgainEmpty) {
  BufferPool pool(16, 1);
  Buffer first = pool.Take();
  const std::byte* const memory = first.data();
  first.Append(AsBytes("text"));
  pool.Give(std::move(first));
  const Buffer again = pool.Take();
  EXPECT_EQ(again.bytes().data(), memory);
  EXPECT_EQ(again.size(), 0U);
  EXPECT_EQ(again.room(), 16U);
}

TEST(BufferPool, KeepsNoMoreThanItSays) {
  BufferPool pool(16, 1);
  Buffer first = pool.Take(), second = pool.Take();
  const std::byte* const memory = first.data();
  pool.Give(std::move(first));
  pool.Give(std::move(second));  // freed
  const Buffer kept = pool.Take(), made = pool.Take();
  EXPECT_EQ(kept.bytes().data(), memory);
  EXPECT_EQ(made.capacity(), 16U);
}

}  // namespace
}  // namespace dbagent::stream
