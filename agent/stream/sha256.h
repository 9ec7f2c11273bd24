#pragma once

#include <memory>
#include <string>

#include "agent/base/bytes.h"

namespace dbagent::stream {

// FIPS 180-4 SHA-256 over what Update was given, as lower-case hexadecimal.
class Sha256 {
 public:
  Sha256();
  void Update(Bytes data);
  std::string FinishHex();  // once

 private:
  std::unique_ptr<void, void (*)(void*)> context_;
};

std::string Sha256Hex(Bytes data);

}  // namespace dbagent::stream
