#include "agent/ctl/session.h"
#include "agent/ctl/specs.h"
#include "dbagent/v1/user.grpc.pb.h"

namespace dbagent::ctl {
namespace {

struct GrantOptions {
  std::string user, what;
  std::vector<std::string> databases;
  bool with_grant_option = false;
};

template <typename Request, typename Response>
void Change(Session& session, const GrantOptions& options,
            grpc::Status (v1::UserService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                          Response*),
            const char* verb) {
  Request request;
  request.set_request_id(session.RequestId());
  *request.mutable_id() = ReadUserName(options.user);
  for (const std::string& database : options.databases) {
    Result<v1::DatabaseGrant> grant = ReadGrant(database, options.what);
    if (!session.Succeeded(grant.status())) return;
    grant->set_with_grant_option(options.with_grant_option);
    *request.add_grants() = *std::move(grant);
  }
  Response response;
  if (!session.Call<v1::UserService>(method, request, response)) return;
  session.ShowBatch(response, [verb](const v1::GrantOutcome& item) {
    return fmt::format("{} {} on {}", verb, ShowPrivileges(item.grant()), item.grant().database());
  });
}

void AddArguments(CLI::App& command, GrantOptions& options) {
  command.add_option("USER", options.user, "who")->required();
  command
      .add_option("WHAT", options.what,
                  "read-only, read-write, all, or the server's words: SELECT,INSERT")
      ->required();
  command.add_option("DATABASE", options.databases, "on which databases")->required();
}

}  // namespace

void AddGrantCommands(CLI::App& app, Session& session) {
  CLI::App* grant = app.add_subcommand("grant", "privileges on databases")->require_subcommand(1);

  auto options = std::make_shared<GrantOptions>();
  CLI::App* list = grant->add_subcommand("list", "all that a user holds, as the server says");
  list->add_option("USER", options->user, "who")->required();
  list->callback([&session, options] {
    v1::ListGrantsRequest request;
    *request.mutable_id() = ReadUserName(options->user);
    v1::ListGrantsResponse response;
    if (!session.Call<v1::UserService>(&v1::UserService::Stub::ListGrants, request, response))
      return;
    session.Show(response, [&] {
      Table table({"DATABASE", "OBJECT", "PRIVILEGES", "MAY GRANT"});
      for (const v1::DatabaseGrant& held : response.grants()) {
        table.Add({held.database().empty() ? "(server)" : held.database(),
                   held.object().empty() ? "-" : held.object(), ShowPrivileges(held),
                   held.with_grant_option() ? "yes" : "no"});
      }
      return table.ToString();
    });
  });

  auto give_options = std::make_shared<GrantOptions>();
  CLI::App* give = grant->add_subcommand("give", "give privileges");
  AddArguments(*give, *give_options);
  give->add_flag("--with-grant-option", give_options->with_grant_option, "may pass them on");
  give->callback([&session, give_options] {
    Change(session, *give_options, &v1::UserService::Stub::Grant, "granted");
  });

  auto take_options = std::make_shared<GrantOptions>();
  CLI::App* take = grant->add_subcommand("take", "take privileges away");
  AddArguments(*take, *take_options);
  take->callback([&session, take_options] {
    Change(session, *take_options, &v1::UserService::Stub::Revoke, "revoked");
  });
}

}  // namespace dbagent::ctl
