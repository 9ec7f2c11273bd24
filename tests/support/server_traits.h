#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "datastores/datastore.h"
#include "tests/support/client_session.h"

namespace dbagent::tests {

// What the contract suite must know of a server to test its driver: where its programs are, how to
// prove a login, how it is spoken to in SQL, and in what it deviates from the others, with the
// reason beside each.
struct ServerTraits {
  std::string name;  // as in --server=
  std::unique_ptr<datastore::Driver> (*make_driver)() = nullptr;
  std::string kind;
  std::string product;
  os::Path programs;  // empty: where Debian has them

  // What is appended to the configuration to spare the disk: tests kill processes, never the
  // machine.
  std::string configuration_file, hurry;

  // Deviations of the model.
  bool has_hosts = false;  // accounts are name@host
  bool has_owner =
      false;  // databases have an owner, a ctype and a connection limit; roles have memberships
  bool has_lock =
      false;  // accounts can be locked; otherwise `login` is what says whether one may log in
  bool holds_emoji = false;      // names may hold characters above U+FFFF
  bool changes_charset = false;  // a database's character set can be changed

  std::string longest_database, longest_user;  // one more character (byte) is too long
  std::vector<std::string> reserved_databases, reserved_users;
  std::string character_set, collation;       // a pair that is not the default
  std::vector<std::string> read_privileges;   // words that let a user log in to a database and read
  std::vector<std::string> write_privileges;  // words that let it also insert
  std::vector<datastore::PrivilegeSet> sets = {datastore::PrivilegeSet::kReadOnly,
                                               datastore::PrivilegeSet::kReadWrite,
                                               datastore::PrivilegeSet::kAll};

  Result<std::unique_ptr<ClientSession>> (*log_in)(std::uint16_t port,
                                                   const Login& login) = nullptr;
  // Quoted for SQL.
  std::function<std::string(const std::string& name)> quote;
  // In a session of root's: as long as it lives, a grant of kReadOnly on `database` to `user`
  // waits.
  std::function<std::vector<std::string>(const std::string& database, const std::string& user)>
      block_grants;
  std::string count_waiting;  // answers how many statements wait for a lock
  // In a session of root's: makes and drops `count` accounts named `prefix` and a number from 1.
  std::function<std::vector<std::string>(const std::string& prefix, int count)> make_many_users,
      drop_many_users;
  // Table `data(id, t text, b bytes, n number)` filled with values that are hard to dump, and more
  // that a dump must carry (a view, a routine, a trigger), in the current database.
  std::vector<std::string> hard_data;
  // Statements whose answers must be the same in a restored database.
  std::vector<std::string> compare;
  // Fills table `bulk` with so much that dumping it takes a while.
  std::vector<std::string> bulk_data;
  // Makes table `t(n, h)` of 50,000 rows; what is the same when all of them are there again.
  std::vector<std::string> many_rows;
  std::string sum_of_rows;
  // In the data directory: without them nothing of database `shop` is left, nor much of the server.
  std::vector<std::string> vital_files;
};

// Of --server=; ends the program when there is no such driver.
const ServerTraits& TheTraits();

}  // namespace dbagent::tests
