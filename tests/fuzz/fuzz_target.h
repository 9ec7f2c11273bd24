#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

// A target is one file, `<name>_fuzztest.cpp`, that defines Try. With clang's libFuzzer it is
// fuzzed (preset `fuzz`); in the test build replay.cpp runs it over corpus/<name>/.
//
// Try takes any bytes and must neither crash nor break a promise (Require).
void Try(std::string_view input);

// Aborts, so that libFuzzer keeps the input.
inline void Require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}
