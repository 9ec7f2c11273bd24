#pragma once

#include "datastores/postgresql/server.h"

namespace dbagent::datastore::postgresql {

inline constexpr int kLoaderSlots = 4;
// `dbagent-loader-1` …
std::string LoaderRole(int slot);

// The role as which the text of one dump runs: owner of the new database and of nothing else, a
// member of nothing, so that code of the dumped database that a load calls (check constraints,
// domains …) has no right outside it. A slot is held by an advisory lock of a session, so it is
// free again when the agent is killed; what was left is cleaned when it is taken next.
//
// Threads: one at a time.
class LoaderSlot {
 public:
  // Waits for a free one, at most ten minutes: LOADERS_BUSY.
  static Result<std::unique_ptr<LoaderSlot>> Take(const OpContext& ctx, Server& server,
                                                  bool superuser);
  LoaderSlot(const LoaderSlot&) = delete;
  LoaderSlot& operator=(const LoaderSlot&) = delete;
  ~LoaderSlot();  // as Release; what fails there is done when the slot is taken next

  const std::string& role() const { return role_; }
  const std::string& oid() const { return oid_; }
  bool superuser() const { return superuser_; }
  // To the maintenance database; idle but for calls of this object's user.
  Connection& session() { return *session_; }

  // Makes those of the roles that are missing, without LOGIN: policies and user mappings name them.
  // They go with the slot unless they own something or are kept. Two loads may share one.
  Status StandIn(const OpContext& ctx, const std::vector<std::string>& roles);
  const std::vector<std::string>& stand_ins() const { return stand_ins_; }

  Status EndSessions(const OpContext& ctx);
  // Until this object ends no other load hands anything over: DROP OWNED also takes a stand-in's
  // rights on the databases of other loads, and two changes of one row at once are an error.
  Status LockHandover(const OpContext& ctx);
  // Takes the role's LOGIN (and SUPERUSER) away and drops the stand-ins that own nothing any more.
  Status Release(const OpContext& ctx);

 private:
  LoaderSlot(Server& server, std::unique_ptr<Connection> session, int slot, bool superuser)
      : server_(server),
        session_(std::move(session)),
        role_(LoaderRole(slot)),
        superuser_(superuser) {}
  Status Prepare(const OpContext& ctx);

  Server& server_;
  std::unique_ptr<Connection> session_;
  const std::string role_;
  const bool superuser_;
  std::string oid_;
  std::vector<std::string> stand_ins_;
  OpContext ctx_;
  bool held_ = false;
};

// Marks a stand-in as one that stays while something is its own or it has rights somewhere. In a
// transaction of the load.
Status KeepStandIn(const OpContext& ctx, Connection& connection, const std::string& role);
// Whether a role's comment says that a load made it in the place of a missing one.
bool IsStandInMark(std::string_view comment);

// Drops stand-ins that own nothing any more: loads ended without it, or the databases went for
// which they were kept.
Status DropLeftStandIns(const OpContext& ctx, Connection& connection);
// Makes every loader role that no load holds powerless: after a start.
Status DisarmLoaders(const OpContext& ctx, Connection& connection);

}  // namespace dbagent::datastore::postgresql
