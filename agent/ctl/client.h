#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "agent/base/result.h"

namespace dbagent::ctl {

// How to reach the agent; from the global options.
struct Target {
  std::string socket = "/run/dbagent/agent.sock";
  std::string address;  // host:port; then over mutual TLS with the three files
  std::string ca, certificate, key;
  std::string server_name;  // name in the agent's certificate when it is not the address
  std::chrono::seconds timeout{60};
};

Result<std::shared_ptr<grpc::Channel>> Connect(const Target& target);

// A context with the deadline of quick calls.
std::unique_ptr<grpc::ClientContext> QuickContext(const Target& target);

// The agent's error with its reason, hint and fields, as it was on the other side.
Status FromGrpc(const grpc::Status& status);

}  // namespace dbagent::ctl
