#pragma once

#include <string>

#include "agent/base/secret.h"
#include "datastores/mysql/versions.h"

namespace dbagent::datastore::mysql {

// The password as the server stores it, made on our side: MariaDB's general log would keep it in
// clear text otherwise, and bytes that are no text would not survive the statement. An empty
// password gives a credential that none matches.
//   MariaDB: mysql_native_password, `*` and SHA1(SHA1(password)) in hexadecimal
//   MySQL: caching_sha2_password, `$A$005$`, a salt of 20 bytes and SHA256-crypt with 5,000 rounds
std::string StoredCredentialFor(const Dialect& dialect, const Secret& password);

// For tests: the MySQL form with a given salt of 20 bytes.
std::string CachingSha2Credential(std::string_view password, std::string_view salt);

}  // namespace dbagent::datastore::mysql
