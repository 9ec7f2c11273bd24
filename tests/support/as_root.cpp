#include "tests/support/as_root.h"

#include <vector>

namespace dbagent::tests {
namespace {

std::vector<std::function<void()>>& Prepared() {
  static std::vector<std::function<void()>> all;
  return all;
}

}  // namespace

AsRoot::AsRoot(std::function<void()> prepare) {
  Prepared().push_back(std::move(prepare));
}

void PrepareAsRoot() {
  for (const std::function<void()>& prepare : Prepared()) prepare();
}

}  // namespace dbagent::tests
