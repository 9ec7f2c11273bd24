#pragma once

#include <gtest/gtest.h>

#include "agent/base/result.h"

// ASSERT_OK(expr): a Status or a Result that must be OK; prints the whole error otherwise.
namespace dbagent::tests {
inline testing::AssertionResult IsOk(const Status& status) {
  if (status.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << status.ToString();
}
template <typename T>
testing::AssertionResult IsOk(const Result<T>& result) {
  return IsOk(result.status());
}
// The reason of an error, `OK` when there is none.
inline std::string ReasonOf(const Status& status) {
  return status.ok() ? "OK" : status.reason();
}
template <typename T>
std::string ReasonOf(const Result<T>& result) {
  return ReasonOf(result.status());
}
}  // namespace dbagent::tests

#define ASSERT_OK(expr) ASSERT_TRUE(::dbagent::tests::IsOk(expr))
#define EXPECT_OK(expr) EXPECT_TRUE(::dbagent::tests::IsOk(expr))
// Declares `lhs` from a Result that must be OK.
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_INNER(DBAGENT_CONCAT(result_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_INNER(name, lhs, expr) \
  auto name = (expr);                               \
  ASSERT_TRUE(::dbagent::tests::IsOk(name));        \
  lhs = *std::move(name)
