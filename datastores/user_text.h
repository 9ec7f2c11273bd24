#pragma once

#include <functional>
#include <string>
#include <vector>

#include "datastores/datastore.h"

// The text of LogicalBackup::DumpUsers: SQL with marks between, so that an administrator can read
// it and a load can tell whose a statement is.
//
//   -- dbagent-users 1 1c1b…                a random token, so that nothing in a name or a comment
//                                           can pass for a mark
//   -- 1c1b… account 616c696365 25          name and host in hexadecimal (- when empty): the
//   CREATE USER …;                          statement that follows makes the account
//   -- 1c1b… rights 616c696365 25           … gives it something
//   GRANT …;
//   -- 1c1b… end
//
// Threads: any; pure but for the callbacks.
namespace dbagent::datastore {

struct UserStatement {
  LoadUsersSpec::Part part = LoadUsersSpec::Part::kAccounts;
  UserId id;
  std::string sql;  // one statement, without the semicolon
};

std::string WriteUserText(const std::vector<UserStatement>& statements);
// CORRUPT_DUMP (DATA_LOSS): no such text, or its end is missing.
Result<std::vector<UserStatement>> ReadUserText(const OpContext& ctx, stream::Source& source);

// What a driver does with one.
struct UserTextActions {
  std::function<Result<bool>(const UserId&)> exists;
  std::function<Status(const UserStatement&)> run;
};
// LogicalBackup::LoadUsers for a driver whose DumpUsers wrote such a text.
Status LoadUserText(const OpContext& ctx, const LoadUsersSpec& spec, stream::Source& source,
                    const UserTextActions& actions);

}  // namespace dbagent::datastore
