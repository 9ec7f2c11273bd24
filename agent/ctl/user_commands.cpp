#include "agent/ctl/password.h"
#include "agent/ctl/session.h"
#include "agent/ctl/specs.h"
#include "dbagent/v1/user.grpc.pb.h"

namespace dbagent::ctl {
namespace {

std::string Attributes(const v1::User& user) {
  std::string text;
  const auto add = [&](const std::string& word) { text += (text.empty() ? "" : ", ") + word; };
  if (user.has_mysql()) {
    if (user.mysql().locked()) add("locked");
    if (user.mysql().require_tls()) add("TLS required");
    if (user.mysql().max_connections() > 0)
      add(fmt::format("{} connections", user.mysql().max_connections()));
  }
  if (user.has_postgresql()) {
    const v1::PostgresqlRole& role = user.postgresql();
    if (!role.login()) add("no login");
    if (!role.inherit()) add("no inherit");
    if (role.create_database()) add("create database");
    if (role.create_role()) add("create role");
    if (role.connection_limit() >= 0) add(fmt::format("{} connections", role.connection_limit()));
    if (role.has_valid_until()) add("until " + ShowTime(role.valid_until().seconds()));
    for (const std::string& group : role.member_of()) add("member of " + group);
  }
  return text.empty() ? "-" : text;
}

std::string UserTable(const google::protobuf::RepeatedPtrField<v1::User>& users) {
  Table table({"USER", "AUTHENTICATION", "ATTRIBUTES"});
  for (const v1::User& user : users)
    table.Add({ShowUserName(user.id()), user.authentication(), Attributes(user)});
  return table.ToString();
}

// The options that create and update share; which were given tells the update mask.
struct UserOptions {
  std::vector<std::string> names;
  std::vector<std::string> grants;
  PasswordOptions password;
  std::string rename;
  bool locked = false, require_tls = false, login = true, inherit = true, create_database = false,
       create_role = false;
  std::uint32_t max_connections = 0;
  std::int32_t connection_limit = -1;
  std::vector<std::string> member_of;
  std::vector<std::pair<CLI::Option*, const char*>> mysql, postgresql;
};

void AddPasswordOptions(CLI::App& command, PasswordOptions& password) {
  command.add_option("--password-file", password.file,
                     "file whose first line is the password; -: standard input");
  command.add_option("--password-fd", password.fd, "open descriptor to read the password from");
  command.add_flag("--password-prompt", password.prompt, "ask for it on the terminal");
}

void AddAttributeOptions(CLI::App& command, UserOptions& o) {
  AddPasswordOptions(command, o.password);
  o.mysql = {
      {command.add_flag("--locked,!--unlocked", o.locked, "MySQL: cannot log in"), "mysql.locked"},
      {command.add_flag("--require-tls,!--no-require-tls", o.require_tls, "MySQL: only over TLS"),
       "mysql.require_tls"},
      {command.add_option("--max-connections", o.max_connections,
                          "MySQL: sessions at a time; 0: no limit"),
       "mysql.max_connections"}};
  o.postgresql = {{command.add_flag("--login,!--no-login", o.login, "PostgreSQL: can log in"),
                   "postgresql.login"},
                  {command.add_flag("--inherit,!--no-inherit", o.inherit,
                                    "PostgreSQL: uses the rights of its roles"),
                   "postgresql.inherit"},
                  {command.add_flag("--create-database,!--no-create-database", o.create_database,
                                    "PostgreSQL: may make databases"),
                   "postgresql.create_database"},
                  {command.add_flag("--create-role,!--no-create-role", o.create_role,
                                    "PostgreSQL: may make roles"),
                   "postgresql.create_role"},
                  {command.add_option("--connection-limit", o.connection_limit,
                                      "PostgreSQL: sessions at a time; -1: no limit"),
                   "postgresql.connection_limit"},
                  {command.add_option("--member-of", o.member_of,
                                      "PostgreSQL: a role that it is a member of; may be repeated"),
                   "postgresql.member_of"}};
}

bool Given(const std::pair<CLI::Option*, const char*>& option) {
  return option.first->count() > 0;
}

void FillAttributes(const UserOptions& o, v1::User& user) {
  const auto given = [&](const auto& options, std::string_view path) {
    for (const auto& option : options) {
      if (path == option.second) return Given(option);
    }
    return false;
  };
  if (std::any_of(o.mysql.begin(), o.mysql.end(), Given)) {
    v1::MysqlAccount& account = *user.mutable_mysql();
    if (given(o.mysql, "mysql.locked")) account.set_locked(o.locked);
    if (given(o.mysql, "mysql.require_tls")) account.set_require_tls(o.require_tls);
    if (given(o.mysql, "mysql.max_connections")) account.set_max_connections(o.max_connections);
  }
  if (std::any_of(o.postgresql.begin(), o.postgresql.end(), Given)) {
    v1::PostgresqlRole& role = *user.mutable_postgresql();
    if (given(o.postgresql, "postgresql.login")) role.set_login(o.login);
    if (given(o.postgresql, "postgresql.inherit")) role.set_inherit(o.inherit);
    if (given(o.postgresql, "postgresql.create_database"))
      role.set_create_database(o.create_database);
    if (given(o.postgresql, "postgresql.create_role")) role.set_create_role(o.create_role);
    if (given(o.postgresql, "postgresql.connection_limit"))
      role.set_connection_limit(o.connection_limit);
    for (const std::string& name : o.member_of) role.add_member_of(name);
  }
}

void Create(Session& session, const UserOptions& options) {
  v1::CreateUsersRequest request;
  request.set_request_id(session.RequestId());
  const Result<Secret> password = ReadPassword(options.password, options.names[0], false);
  if (!session.Succeeded(password.status())) return;
  for (const std::string& name : options.names) {
    v1::NewUser& user = *request.add_users();
    *user.mutable_user()->mutable_id() = ReadUserName(name);
    FillAttributes(options, *user.mutable_user());
    user.set_password(std::string(password->Reveal()));
    for (const std::string& grant : options.grants) {
      const std::size_t equals = grant.rfind('=');
      Result<v1::DatabaseGrant> read = ReadGrant(
          grant.substr(0, equals), equals == std::string::npos ? "" : grant.substr(equals + 1));
      if (!session.Succeeded(read.status())) return;
      *user.add_grants() = *std::move(read);
    }
  }
  v1::CreateUsersResponse response;
  const bool called =
      session.Call<v1::UserService>(&v1::UserService::Stub::Create, request, response);
  for (v1::NewUser& user : *request.mutable_users()) Wipe(*user.mutable_password());
  if (!called) return;
  session.ShowBatch(response, [](const auto& item) {
    return fmt::format("user {} created", ShowUserName(item.id()));
  });
}

void Update(Session& session, const UserOptions& options) {
  v1::UpdateUserRequest request;
  request.set_request_id(session.RequestId());
  *request.mutable_user()->mutable_id() = ReadUserName(options.names[0]);
  FillAttributes(options, *request.mutable_user());
  auto& mask = *request.mutable_update_mask();
  for (const auto& set : {options.mysql, options.postgresql}) {
    for (const auto& option : set) {
      if (Given(option)) mask.add_paths(option.second);
    }
  }
  const bool wants_password =
      !options.password.file.empty() || options.password.fd >= 0 || options.password.prompt;
  if (wants_password) {
    const Result<Secret> password = ReadPassword(options.password, options.names[0], true);
    if (!session.Succeeded(password.status())) return;
    request.set_password(std::string(password->Reveal()));
    mask.add_paths("password");
  }
  if (!options.rename.empty()) {
    *request.mutable_new_id() = ReadUserName(options.rename);
    mask.add_paths("id");
  }
  v1::ListUsersResponse one;
  const bool called =
      session.Call<v1::UserService>(&v1::UserService::Stub::Update, request, *one.add_users());
  Wipe(*request.mutable_password());
  if (called) session.Show(one.users(0), [&] { return UserTable(one.users()); });
}

void List(Session& session, const std::string& start_after) {
  v1::ListUsersRequest request;
  request.mutable_page()->set_page_size(1000);
  request.mutable_page()->set_start_after(start_after);
  v1::ListUsersResponse all;
  const bool listed =
      session.CallEveryPage<v1::UserService>(&v1::UserService::Stub::List, request, all);
  if (listed && !session.json) std::fputs(UserTable(all.users()).c_str(), stdout);
}

void Delete(Session& session, const std::vector<std::string>& names) {
  v1::DeleteUsersRequest request;
  request.set_request_id(session.RequestId());
  for (const std::string& name : names) *request.add_ids() = ReadUserName(name);
  v1::DeleteUsersResponse response;
  if (!session.Call<v1::UserService>(&v1::UserService::Stub::Delete, request, response)) return;
  session.ShowBatch(response, [](const auto& item) {
    return fmt::format("user {} {}", ShowUserName(item.id()),
                       item.existed() ? "deleted" : "was not there");
  });
}

std::string RootLine(const v1::RootState& state) {
  return state.enabled() ? fmt::format("root is enabled ({})\n", ShowUserName(state.id()))
                         : "root is disabled\n";
}

void AddRootCommands(CLI::App& app, Session& session) {
  CLI::App* root = app.add_subcommand("root", "the user's own superuser")->require_subcommand(1);
  CLI::App* enable = root->add_subcommand(
      "enable", "make it, or set its password; without a password one is made and shown once");
  auto password = std::make_shared<PasswordOptions>();
  AddPasswordOptions(*enable, *password);
  enable->callback([&session, password] {
    v1::EnableRootRequest request;
    request.set_request_id(session.RequestId());
    const Result<Secret> given = ReadPassword(*password, "root", false);
    if (!session.Succeeded(given.status())) return;
    request.set_password(std::string(given->Reveal()));
    v1::EnableRootResponse response;
    const bool called =
        session.Call<v1::UserService>(&v1::UserService::Stub::EnableRoot, request, response);
    Wipe(*request.mutable_password());
    if (!called) return;
    if (!given->empty()) Wipe(*response.mutable_password());  // who gave it knows it
    session.Show(response, [&] {
      return RootLine(response.state()) +
             (response.password().empty() ? "" : "password: " + response.password() + "\n");
    });
    Wipe(*response.mutable_password());
  });
  root->add_subcommand("disable", "take it away; its sessions end")->callback([&session] {
    v1::DisableRootRequest request;
    request.set_request_id(session.RequestId());
    v1::RootState state;
    if (session.Call<v1::UserService>(&v1::UserService::Stub::DisableRoot, request, state))
      session.Show(state, [&] { return RootLine(state); });
  });
  root->add_subcommand("get", "is it enabled?")->callback([&session] {
    v1::RootState state;
    if (session.Call<v1::UserService>(&v1::UserService::Stub::GetRootState,
                                      google::protobuf::Empty(), state)) {
      session.Show(state, [&] { return RootLine(state); });
    }
  });
}

}  // namespace

void AddUserCommands(CLI::App& app, Session& session) {
  CLI::App* user =
      app.add_subcommand("user", "accounts: MySQL NAME@HOST (without host: %), PostgreSQL NAME")
          ->require_subcommand(1);
  auto start_after = std::make_shared<std::string>();
  CLI::App* list = user->add_subcommand("list", "all of them");
  list->add_option("--start-after", *start_after, "only those after this one");
  list->callback([&session, start_after] { List(session, *start_after); });

  auto options = std::make_shared<UserOptions>();
  CLI::App* get = user->add_subcommand("get", "one of them");
  get->add_option("USER", options->names, "which")->required()->expected(1);
  get->callback([&session, options] {
    v1::GetUserRequest request;
    *request.mutable_id() = ReadUserName(options->names[0]);
    v1::ListUsersResponse one;
    if (session.Call<v1::UserService>(&v1::UserService::Stub::Get, request, *one.add_users())) {
      session.Show(one.users(0), [&] { return UserTable(one.users()); });
    }
  });

  auto create_options = std::make_shared<UserOptions>();
  CLI::App* create =
      user->add_subcommand("create", "make users; without a password they cannot log in with one");
  create->add_option("USER", create_options->names, "who")->required();
  create->add_option("--grant", create_options->grants,
                     "DATABASE=read-only|read-write|all|PRIVILEGE,…; may be repeated");
  AddAttributeOptions(*create, *create_options);
  create->callback([&session, create_options] { Create(session, *create_options); });

  auto update_options = std::make_shared<UserOptions>();
  CLI::App* update = user->add_subcommand("update", "change one");
  update->add_option("USER", update_options->names, "which")->required()->expected(1);
  update->add_option("--rename", update_options->rename, "its new NAME or NAME@HOST");
  AddAttributeOptions(*update, *update_options);
  update->callback([&session, update_options] { Update(session, *update_options); });

  CLI::App* remove = user->add_subcommand("delete", "drop users; their sessions end");
  remove->add_option("USER", options->names, "who")->required();
  remove->callback([&session, options] { Delete(session, options->names); });
  AddRootCommands(app, session);
}

}  // namespace dbagent::ctl
