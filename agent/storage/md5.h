#pragma once

#include <string>

#include "agent/base/bytes.h"

namespace dbagent::storage {

// RFC 1321, for the stores that ask for it; nothing of ours relies on it.
std::string Md5Hex(Bytes data);     // lower case
std::string Md5Base64(Bytes data);  // as Content-MD5 has it (RFC 1864)

}  // namespace dbagent::storage
