#pragma once

#include "datastores/postgresql/connection.h"

// How a right on a database comes to hold for what is made later. PostgreSQL knows default
// privileges per creating role and database: `ALTER DEFAULT PRIVILEGES FOR ROLE <creator> GRANT …
// TO <grantee>`. Those of the agent's own role are the record of who has what for later (they live
// in the database, are dumped and restored with it); every other role that can create something
// there gets a copy.
namespace dbagent::datastore::postgresql {

// Within a transaction in the database, after anything that changes who may create there or who has
// rights for later: gives every role that can create something (the owner, holders of CREATE on the
// database or a schema, schema owners, superusers, and all members of these) the agent's default
// privileges that it lacks. Idempotent; takes nothing away.
Status ExtendDefaultPrivileges(const OpContext& ctx, Connection& connection);

// The databases that hold any default privileges: the only ones where a new creator can matter.
Result<std::vector<std::string>> DatabasesWithDefaultPrivileges(const OpContext& ctx,
                                                                Connection& connection);

}  // namespace dbagent::datastore::postgresql
