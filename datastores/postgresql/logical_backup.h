#pragma once

#include "datastores/postgresql/database_admin.h"
#include "datastores/postgresql/dump_header.h"
#include "datastores/postgresql/dump_text.h"
#include "datastores/postgresql/loader_roles.h"

namespace dbagent::datastore::postgresql {

// A dump is a header (dump_header.h), pg_dump's plain text without owners and privileges, and these
// as a tail (dump_tail.h).
//
// A load runs the text as a loader role (loader_roles.h) that owns the new database, under a guard
// (load_guard.h), and then the tail as the agent. What the tail gives to nobody becomes the heir's
// (own_roles.h). Nobody but superusers can enter the database before all of that is done.
class PostgresLogicalBackup : public LogicalBackup {
 public:
  PostgresLogicalBackup(Server& server, PostgresDatabaseAdmin& databases)
      : server_(server), databases_(databases) {}

  Result<DumpFacts> Dump(const OpContext& ctx, const std::string& database,
                         stream::Sink& sink) override;
  // Also: DUMP_INCOMPLETE, CORRUPT_DUMP (DATA_LOSS).
  Status Load(const OpContext& ctx, const LoadSpec& spec, stream::Source& source) override;
  Status DumpUsers(const OpContext& ctx, stream::Sink& sink) override;
  Status LoadUsers(const OpContext& ctx, const LoadUsersSpec& spec,
                   stream::Source& source) override;
  Status DropUsers(const OpContext& ctx, const std::vector<UserId>& users) override;

 private:
  Status RunDump(const OpContext& ctx, const std::string& database, const std::string& snapshot,
                 stream::Sink& sink);
  Result<std::string> OwnerFor(const OpContext& ctx, const LoadSpec& spec, LoaderSlot& slot);
  Status CheckOwner(const OpContext& ctx, const std::optional<UserId>& owner, LoaderSlot& slot);
  Status Fill(const OpContext& ctx, const LoadSpec& spec, const DumpHeader& header,
              LoaderSlot& slot, HeaderSource& source);
  // A tool's input.
  struct Script {
    const std::string& database;
    const std::string& user;
    std::string before, after;
  };
  template <typename IsWhole>
  Status RunScript(const OpContext& ctx, const Script& script, stream::Source& source,
                   const IsWhole& is_whole);
  Status RunBody(const OpContext& ctx, const std::string& database, const LoaderSlot& slot,
                 std::string_view beginning, SplitSource& text, bool has_tail);
  Status RunTail(const OpContext& ctx, const std::string& database, const DumpHeader& header,
                 SplitSource& text);

  Server& server_;
  PostgresDatabaseAdmin& databases_;
};

}  // namespace dbagent::datastore::postgresql
