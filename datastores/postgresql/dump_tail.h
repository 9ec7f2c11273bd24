#pragma once

#include "agent/stream/stream.h"
#include "datastores/postgresql/connection.h"

// Whose the objects of a database are and who has which rights on them, as SQL. pg_dump leaves this
// out (--no-owner, --no-privileges), so that a load can make everything as a role that has no
// rights elsewhere; these statements then hand the objects over. They run no code of users: no
// object is used, only its owner and its privileges change. Every name is qualified.
// Threads: one at a time per connection.
namespace dbagent::datastore::postgresql {

// Of the connection's database, in its transaction's snapshot. Objects of superusers and of the
// agent's own roles keep the owner that the load gave them.
Status WriteTail(const OpContext& ctx, Connection& connection, stream::Sink& sink);

// After a tail: an owner may have become a superuser since the dump. What was loaded was made
// while code of others ran, so a superuser must not own it.
Status HandOnWhatSuperusersOwn(const OpContext& ctx, Connection& connection,
                               const std::string& agent);

}  // namespace dbagent::datastore::postgresql
