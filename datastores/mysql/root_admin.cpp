#include "datastores/mysql/accounts.h"
#include "datastores/mysql/names.h"
#include "datastores/mysql/parts.h"
#include "datastores/mysql/password_hash.h"
#include "datastores/mysql/quote.h"

namespace dbagent::datastore::mysql {
namespace {

const UserId kRoot = {"root", "%"};

class Root : public RootAdmin {
 public:
  explicit Root(Server& server) : server_(server) {}

  Result<RootState> State(const OpContext& ctx) override;
  Result<RootState> Enable(const OpContext& ctx, const Secret& password) override;
  Result<RootState> Disable(const OpContext& ctx) override;

 private:
  // Every root but the agent's own account, should the agent's OS user be root.
  Result<std::vector<Account>> Roots(const OpContext& ctx);

  Server& server_;
};

Result<std::vector<Account>> Root::Roots(const OpContext& ctx) {
  ASSIGN_OR_RETURN(std::vector<Account> roots,
                   ReadAccounts(server_, ctx, "CAST(User AS BINARY) = 'root'"));
  if (server_.settings.os_user == kRoot.name) {
    std::erase_if(roots,
                  [](const Account& account) { return account.info.id.host == "localhost"; });
  }
  return roots;
}

Result<RootState> Root::State(const OpContext& ctx) {
  ASSIGN_OR_RETURN(const std::vector<Account> roots, Roots(ctx));
  for (const Account& account : roots) {
    // one that is locked is the beginning of an Enable that was cut off
    if (!account.info.attributes.locked.value_or(false)) return RootState{true, account.info.id};
  }
  return RootState{false, kRoot};
}

Result<RootState> Root::Enable(const OpContext& ctx, const Secret& password) {
  RETURN_IF_ERROR(CheckPassword(server_.dialect, password));
  if (password.empty()) {
    return Error(Code::kInvalidArgument, "PASSWORD_INVALID",
                 "unable to enable root: its password is empty");
  }
  const std::string account = QuoteAccount(kRoot.name, kRoot.host);
  const std::string identified =
      server_.dialect.IdentifiedBy(QuoteLiteral(StoredCredentialFor(server_.dialect, password)));
  // nobody can log in before the last statement, which also sets a new password of a root that was
  // enabled
  static constexpr const char* kWhat = "enable root";
  RETURN_IF_ERROR(
      Execute(server_, ctx, kWhat,
              "CREATE USER IF NOT EXISTS " + account + " " + identified + " ACCOUNT LOCK"));
  RETURN_IF_ERROR(Execute(server_, ctx, kWhat,
                          "GRANT ALL PRIVILEGES ON *.* TO " + account + " WITH GRANT OPTION"));
  RETURN_IF_ERROR(
      Execute(server_, ctx, kWhat, "ALTER USER " + account + " " + identified + " ACCOUNT UNLOCK"));
  return State(ctx);
}

Result<RootState> Root::Disable(const OpContext& ctx) {
  ASSIGN_OR_RETURN(const std::vector<Account> roots, Roots(ctx));
  for (const Account& account : roots) {
    const UserId& id = account.info.id;
    RETURN_IF_ERROR(
        EndSessionsOf(server_, ctx, id));  // one may hold a lock that stops the statement
    RETURN_IF_ERROR(Execute(server_, ctx, "disable root",
                            "DROP USER IF EXISTS " + QuoteAccount(id.name, id.host)));
    RETURN_IF_ERROR(EndSessionsOf(server_, ctx, id));
  }
  return State(ctx);
}

}  // namespace

std::unique_ptr<RootAdmin> MakeRootAdmin(Server& server) {
  return std::make_unique<Root>(server);
}

}  // namespace dbagent::datastore::mysql
