#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "datastores/datastore.h"
#include "tests/support/client_session.h"

namespace dbagent::tests {

// Names and values of the server's parameters that stand for their kind; canonical all of them.
struct SettingsTraits {
  std::string integer;              // a whole number, with a range, that a group may change live
  std::string integer_value;        // neither the template's nor the default
  std::string size;                 // a number of bytes or blocks, live
  std::string size_written;         // with a unit, `3MB`; not the template's or the default
  std::string size_value;           // what that is in the parameter's unit
  std::string boolean;              // live, by default `off` or `OFF`
  std::string boolean_on;           // `on` or `ON`
  std::string choice;               // an enum, live
  std::string choice_written;       // one of its words in another case, not the default
  std::string choice_value;         // how the server writes that
  std::string restart;              // a number that needs a restart
  std::string restart_value;        // one that fits the smallest flavor; not the template's
  std::string memory;               // what takes most memory
  std::string too_much_memory;      // more than 4 GiB of that
  std::string written_by_template;  // one that the template sets and that a group may set
  // Spellings of parameters that a group may not set, as somebody would try; and the agent's.
  std::vector<std::string> forbidden, system;
  // Values that each are fine by type but that Check refuses, with the reason.
  struct Refusal {
    std::string name, value, reason;
  };
  std::vector<Refusal> refusals;
  // A parameter and a value that the server's program does not take, and a word that it says then.
  std::string bad_name, bad_value, bad_word;
  // The same that only its start finds.
  std::string no_start_name, no_start_value, no_start_word;
  // A user's parameters whose own value must not be written to a file, with the reason beside.
  std::vector<std::string> not_written_back;
  // Of the system layer: options of the program that are no parameters of the server.
  std::vector<std::string> program_options;
  // Parameters that the server calls its default though a file has set them.
  std::vector<std::string> origin_unknown;
};

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
  SettingsTraits settings;
};

// Of --server=; ends the program when there is no such driver.
const ServerTraits& TheTraits();

}  // namespace dbagent::tests
