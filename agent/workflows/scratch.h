#pragma once

#include <memory>

#include "agent/workflows/context.h"

namespace dbagent::workflows {

// A scratch server: one beside the instance's own, on a volume of its own below the instance's,
// whose data is looked at and thrown away. The lock table sees to it that there is one at a time.
// Threads: one at a time.
class Scratch {
 public:
  // Throws away what an earlier one left, and makes an empty generation with a configuration.
  static Result<std::unique_ptr<Scratch>> Make(const Context& instance);
  // Ends whatever runs of it and removes all of it. Nothing there is fine.
  static Status Discard(const Context& instance);
  ~Scratch();  // Close it first; else the processes end, and the files stay for Discard

  const os::Generation& generation() const { return generation_; }
  // For what works on an instance: this one is it.
  const Context& context() const { return context_; }
  Status Start(const OpContext& ctx);
  // Ends the server and removes everything; whatever happened before.
  Status Close(const OpContext& ctx);

 private:
  Scratch(const Context& instance, ScratchParts parts);
  Status Configure();

  ScratchParts parts_;
  const Context context_;
  os::Generation generation_;
};

}  // namespace dbagent::workflows
