#include <mysqld_error.h>

#include "datastores/mysql/accounts.h"
#include "datastores/mysql/names.h"
#include "datastores/mysql/parts.h"
#include "datastores/mysql/password_hash.h"
#include "datastores/mysql/quote.h"
#include "datastores/mysql/server_error.h"

namespace dbagent::datastore::mysql {
namespace {

constexpr auto kUndoBudget = std::chrono::seconds(10);

Status CheckAttributes(const UserAttributes& attributes) {
  const auto unsupported = [](std::string_view field) {
    return Error(Code::kInvalidArgument, "FIELD_UNSUPPORTED",
                 "unable to set '{}' of a user: MySQL accounts have none", field);
  };
  if (attributes.login) return unsupported("login");
  if (attributes.inherit) return unsupported("inherit");
  if (attributes.create_database) return unsupported("create_database");
  if (attributes.create_role) return unsupported("create_role");
  if (attributes.connection_limit) return unsupported("connection_limit");
  if (attributes.valid_until) return unsupported("valid_until");
  if (attributes.member_of) return unsupported("member_of");
  return Ok();
}

Status UserExists(const UserId& id) {
  return Error(Code::kAlreadyExists, "USER_EXISTS",
               "unable to use the name of user '{}': it exists", id.ToString());
}

// The contract's reason when the server's own policy refuses a password.
Status Translated(Status status) {
  const unsigned number = ServerErrno(status);
  const bool refused = number == ER_NOT_VALID_PASSWORD ||
                       (number == ER_OPTION_PREVENTS_STATEMENT &&
                        status.message().find("strict-password") != std::string::npos);
  if (!refused) return status;
  return Error(Code::kInvalidArgument, "PASSWORD_REFUSED", "{}", status.message());
}

class Users : public UserAdmin {
 public:
  explicit Users(Server& server) : server_(server) {}

  Status Check(const UserSpec& spec) const override;
  Result<Page<UserInfo>> List(const OpContext& ctx, const PageRequest<UserId>& page) override;
  Result<UserInfo> Get(const OpContext& ctx, const UserId& id) override;
  Result<UserInfo> Create(const OpContext& ctx, const UserSpec& spec) override;
  Result<UserInfo> Update(const OpContext& ctx, const UserChange& change) override;
  Result<bool> Drop(const OpContext& ctx, const UserId& id) override;
  Result<Secret> StoredCredential(const OpContext& ctx, const UserId& id) override;

 private:
  // Checked and normalised.
  Result<UserId> Usable(const UserId& id) const;
  Result<std::string> IdentifiedClause(const Secret& password) const;
  Status Rename(const OpContext& ctx, const UserId& from, const UserId& to);
  Status Alter(const OpContext& ctx, const UserId& id, const std::string& clause);

  Server& server_;
};

Status Users::Check(const UserSpec& spec) const {
  ASSIGN_OR_RETURN(const UserId id, Usable(spec.id));
  RETURN_IF_ERROR(CheckPassword(server_.dialect, spec.password));
  return CheckAttributes(spec.attributes);
}

Result<UserId> Users::Usable(const UserId& id) const {
  UserId normalised = Normalised(id);
  RETURN_IF_ERROR(CheckUser(server_.dialect, server_.settings, normalised));
  return normalised;
}

Result<std::string> Users::IdentifiedClause(const Secret& password) const {
  RETURN_IF_ERROR(CheckPassword(server_.dialect, password));
  return " " +
         server_.dialect.IdentifiedBy(QuoteLiteral(StoredCredentialFor(server_.dialect, password)));
}

Result<Page<UserInfo>> Users::List(const OpContext& ctx, const PageRequest<UserId>& page) {
  Page<UserInfo> answer;
  UserId after = page.start_after.value_or(UserId{});
  for (;;) {
    const std::size_t wanted = page.limit - answer.items.size() + 1;
    ASSIGN_OR_RETURN(
        const std::vector<Account> accounts,
        ReadAccounts(server_, ctx,
                     fmt::format("(CAST(User AS BINARY) > ? OR (CAST(User AS BINARY) = ? AND "
                                 "CAST(Host AS BINARY) > ?)) "
                                 "ORDER BY CAST(User AS BINARY), CAST(Host AS BINARY) LIMIT {}",
                                 wanted),
                     {after.name, after.name, after.host}));
    for (const Account& account : accounts) {
      after = account.info.id;
      if (IsReservedUser(server_.settings, after.name)) continue;
      if (answer.items.size() == page.limit) {
        answer.more = true;
        return answer;
      }
      answer.items.push_back(account.info);
    }
    if (accounts.size() < wanted) return answer;
  }
}

Result<UserInfo> Users::Get(const OpContext& ctx, const UserId& asked) {
  ASSIGN_OR_RETURN(const UserId id, Usable(asked));
  ASSIGN_OR_RETURN(Account account, ReadAccount(server_, ctx, id));
  return std::move(account.info);
}

Result<Secret> Users::StoredCredential(const OpContext& ctx, const UserId& asked) {
  ASSIGN_OR_RETURN(const UserId id, Usable(asked));
  ASSIGN_OR_RETURN(Account account, ReadAccount(server_, ctx, id));
  return std::move(account.credential);
}

Result<UserInfo> Users::Create(const OpContext& ctx, const UserSpec& spec) {
  RETURN_IF_ERROR(Check(spec));
  ASSIGN_OR_RETURN(const UserId id, Usable(spec.id));
  ASSIGN_OR_RETURN(const std::string identified, IdentifiedClause(spec.password));
  Status created = Execute(server_, ctx, fmt::format("create user '{}'", id.ToString()),
                           "CREATE USER " + QuoteAccount(id.name, id.host) + identified +
                               AttributesClause(spec.attributes));
  if (!created.ok()) {
    if (ServerErrno(created) == ER_CANNOT_USER) return UserExists(id);
    return Translated(std::move(created));
  }
  return Get(ctx, id);
}

Status Users::Rename(const OpContext& ctx, const UserId& from, const UserId& to) {
  if (from == to) return Ok();
  if (const Result<Account> taken = ReadAccount(server_, ctx, to); taken.ok())
    return UserExists(to);
  Status renamed =
      Execute(server_, ctx, fmt::format("rename user '{}' to '{}'", from.ToString(), to.ToString()),
              "RENAME USER " + QuoteAccount(from.name, from.host) + " TO " +
                  QuoteAccount(to.name, to.host));
  if (ServerErrno(renamed) == ER_CANNOT_USER) return UserNotFound(from);
  return renamed;
}

Status Users::Alter(const OpContext& ctx, const UserId& id, const std::string& clause) {
  if (clause.empty()) return Ok();
  Status altered = Execute(server_, ctx, fmt::format("change user '{}'", id.ToString()),
                           "ALTER USER " + QuoteAccount(id.name, id.host) + clause);
  if (ServerErrno(altered) == ER_CANNOT_USER) return UserNotFound(id);
  return Translated(std::move(altered));
}

Result<UserInfo> Users::Update(const OpContext& ctx, const UserChange& change) {
  ASSIGN_OR_RETURN(const UserId old_id, Usable(change.id));
  RETURN_IF_ERROR(CheckAttributes(change.attributes));
  UserId id = old_id;
  if (change.new_id) {
    ASSIGN_OR_RETURN(id, Usable(*change.new_id));
  }
  std::string clause;
  if (change.password) {
    ASSIGN_OR_RETURN(clause, IdentifiedClause(*change.password));
  }
  clause += AttributesClause(change.attributes);

  RETURN_IF_ERROR(Rename(ctx, old_id, id));
  Status altered = Alter(ctx, id, clause);
  if (!altered.ok()) {
    const Status undone = Rename(ctx.ForCleanup(kUndoBudget), id, old_id);
    if (!undone.ok()) return std::move(altered).WithCause(undone);
    return altered;
  }
  return Get(ctx, id);
}

Result<bool> Users::Drop(const OpContext& ctx, const UserId& asked) {
  ASSIGN_OR_RETURN(const UserId id, Usable(asked));
  RETURN_IF_ERROR(EndSessionsOf(server_, ctx, id));  // one may hold a lock that stops the statement
  Status dropped = Execute(server_, ctx, fmt::format("drop user '{}'", id.ToString()),
                           "DROP USER " + QuoteAccount(id.name, id.host));
  const bool was_there = dropped.ok();
  if (!was_there && ServerErrno(dropped) != ER_CANNOT_USER) return dropped;
  RETURN_IF_ERROR(EndSessionsOf(server_, ctx, id));  // those that came meanwhile
  return was_there;
}

}  // namespace

std::unique_ptr<UserAdmin> MakeUserAdmin(Server& server) {
  return std::make_unique<Users>(server);
}

}  // namespace dbagent::datastore::mysql
