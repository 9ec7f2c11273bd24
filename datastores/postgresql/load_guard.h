#pragma once

#include "datastores/postgresql/connection.h"
#include "datastores/postgresql/dump_header.h"

// What stands in a new database while a dump's text runs there: two event triggers of the agent's.
//
// One makes the extensions that the dump's header names, as the agent, when the text makes its
// first: then pg_dump has made schemas only, so no code of users can stand in an extension script's
// way. The text's own CREATE EXTENSION IF NOT EXISTS finds them made. They belong to the loader
// until the end, for COMMENT ON EXTENSION.
//
// The other refuses every change of the schema that is not a statement of the text itself but comes
// from code that one calls: else a check constraint's function could plant code in objects of
// others, which get their owners only afterwards. It also refuses to go on when such code has
// changed a setting that decides what the text's statements mean.
namespace dbagent::datastore::postgresql {

struct GuardSpec {
  const std::vector<DumpedExtension>& extensions;
  const std::string& loader_oid;
  bool trusts_code = false;  // a load as superuser: without the second trigger
};

// In the new database, as the agent.
Status InstallGuard(const OpContext& ctx, Connection& connection, const GuardSpec& spec);
// In a transaction. Extensions go to their owners in the header where these are no superusers, else
// back to the agent.
Status RemoveGuard(const OpContext& ctx, Connection& connection, const GuardSpec& spec);

}  // namespace dbagent::datastore::postgresql
