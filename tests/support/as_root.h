#pragma once

#include <functional>

namespace dbagent::tests {

// A global of this type has main run `prepare` while the program is still root, in the mount
// namespace of its own; not at all when it never was.
class AsRoot {
 public:
  explicit AsRoot(std::function<void()> prepare);
};
void PrepareAsRoot();

}  // namespace dbagent::tests
