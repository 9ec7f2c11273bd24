#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "dbagent/v1/user.pb.h"

namespace dbagent::ctl {

// `NAME` or `NAME@HOST`, cut at the last @. Host stays empty without one.
v1::UserName ReadUserName(const std::string& text);
std::string ShowUserName(const v1::UserName& name);
// `read-only`, `read-write`, `all`, or the server's own words, comma-separated: `SELECT,INSERT`.
// USAGE.
Result<v1::DatabaseGrant> ReadGrant(const std::string& database, const std::string& what);
std::string ShowPrivileges(const v1::DatabaseGrant& grant);
// `NAME[@HOST],password-file=FILE[,DATABASE=SET]…`. USAGE.
Status ReadNewUser(const std::string& text, v1::NewUser& out);

// Bytes, like `8MiB` or `0`; empty: 0. Of a wrong one throws CLI's error, which names the option.
std::uint64_t ReadSize(const std::string& option, const std::string& text);

}  // namespace dbagent::ctl
