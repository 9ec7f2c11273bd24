#include "datastores/postgresql/session_options.h"

#include "datastores/postgresql/versions.h"

namespace dbagent::datastore::postgresql {

std::string ClientOptions(std::uint32_t major) {
  std::string options =
      "-c default_transaction_read_only=off -c default_transaction_deferrable=off "
      "-c default_transaction_isolation=read\\ committed "
      // how long something takes is decided by whoever called the agent
      "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 "
      "-c idle_session_timeout=0 -c client_connection_check_interval=1s "
      // texts in and out
      "-c datestyle=ISO,MDY -c intervalstyle=postgres -c timezone=UTC -c bytea_output=hex "
      "-c array_nulls=on -c standard_conforming_strings=on -c quote_all_identifiers=off "
      "-c transform_null_equals=off";
  if (HasTransactionTimeout(major)) options += " -c transaction_timeout=0";
  return options;
}

std::string AgentOptions(std::uint32_t major) {
  return ClientOptions(major) +
         " -c search_path=pg_catalog -c lc_messages=C -c row_security=off "
         "-c check_function_bodies=on -c session_replication_role=origin";
}

}  // namespace dbagent::datastore::postgresql
