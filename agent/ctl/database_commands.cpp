#include "agent/base/bytes.h"
#include "agent/ctl/session.h"
#include "dbagent/v1/database.grpc.pb.h"

namespace dbagent::ctl {
namespace {

std::string DatabaseTable(const google::protobuf::RepeatedPtrField<v1::Database>& databases) {
  Table table({"NAME", "CHARACTER SET", "COLLATION", "OWNER", "SIZE"});
  for (const v1::Database& database : databases) {
    table.Add({database.name(), database.character_set(), database.collation(),
               database.owner().empty() ? "-" : database.owner(),
               database.has_size_bytes() ? FormatBytes(database.size_bytes()) : "-"});
  }
  return table.ToString();
}

struct ListOptions {
  bool with_size = false;
  std::int32_t page_size = 1000;
  std::string start_after;
};

// Every page, one after the other; with --json a line per page.
void List(Session& session, const ListOptions& options) {
  v1::ListDatabasesRequest request;
  request.set_with_size(options.with_size);
  request.mutable_page()->set_page_size(options.page_size);
  request.mutable_page()->set_start_after(options.start_after);
  v1::ListDatabasesResponse all;
  const bool listed =
      session.CallEveryPage<v1::DatabaseService>(&v1::DatabaseService::Stub::List, request, all);
  if (listed && !session.json) std::fputs(DatabaseTable(all.databases()).c_str(), stdout);
}

void Create(Session& session, const std::vector<std::string>& names, v1::Database like) {
  v1::CreateDatabasesRequest request;
  request.set_request_id(session.RequestId());
  for (const std::string& name : names) {
    like.set_name(name);
    *request.add_databases() = like;
  }
  v1::CreateDatabasesResponse response;
  if (!session.Call<v1::DatabaseService>(&v1::DatabaseService::Stub::Create, request, response))
    return;
  session.ShowBatch(
      response, [](const auto& item) { return fmt::format("database {} created", item.name()); });
}

void Delete(Session& session, const std::vector<std::string>& names) {
  v1::DeleteDatabasesRequest request;
  request.set_request_id(session.RequestId());
  for (const std::string& name : names) request.add_names(name);
  v1::DeleteDatabasesResponse response;
  if (!session.Call<v1::DatabaseService>(&v1::DatabaseService::Stub::Delete, request, response))
    return;
  session.ShowBatch(response, [](const auto& item) {
    return fmt::format("database {} {}", item.name(), item.existed() ? "deleted" : "was not there");
  });
}

struct Fields {
  std::vector<std::string> names;
  std::string character_set, collation, ctype, owner;
  std::int32_t connection_limit = -1;
};

}  // namespace

void AddDatabaseCommands(CLI::App& app, Session& session) {
  CLI::App* database =
      app.add_subcommand("database", "the user's databases")->require_subcommand(1);

  CLI::App* list = database->add_subcommand("list", "all of them");
  auto list_options = std::make_shared<ListOptions>();
  list->add_flag("--size", list_options->with_size, "with their size on disk");
  list->add_option("--page-size", list_options->page_size, "databases per call (at most 1000)")
      ->capture_default_str();
  list->add_option("--start-after", list_options->start_after, "only those after this name");
  list->callback([&session, list_options] { List(session, *list_options); });

  CLI::App* get = database->add_subcommand("get", "one of them");
  auto fields = std::make_shared<Fields>();
  get->add_option("NAME", fields->names, "its name")->required()->expected(1);
  get->callback([&session, fields] {
    v1::GetDatabaseRequest request;
    request.set_name(fields->names[0]);
    v1::ListDatabasesResponse one;
    if (session.Call<v1::DatabaseService>(&v1::DatabaseService::Stub::Get, request,
                                          *one.add_databases())) {
      session.Show(one.databases(0), [&] { return DatabaseTable(one.databases()); });
    }
  });

  CLI::App* create = database->add_subcommand("create", "make databases");
  create->add_option("NAME", fields->names, "their names")->required();
  create->add_option("--character-set", fields->character_set,
                     "MySQL: character set; PostgreSQL: encoding");
  create->add_option("--collation", fields->collation, "MySQL: collation; PostgreSQL: LC_COLLATE");
  create->add_option("--ctype", fields->ctype, "PostgreSQL: LC_CTYPE");
  create->add_option("--owner", fields->owner, "PostgreSQL: the owning role");
  CLI::Option* limit = create->add_option("--connection-limit", fields->connection_limit,
                                          "PostgreSQL: sessions at a time; -1: no limit");
  create->callback([&session, fields, limit] {
    v1::Database like;
    like.set_character_set(fields->character_set);
    like.set_collation(fields->collation);
    like.set_ctype(fields->ctype);
    like.set_owner(fields->owner);
    if (limit->count() > 0) like.set_connection_limit(fields->connection_limit);
    Create(session, fields->names, like);
  });

  CLI::App* update = database->add_subcommand("update", "change one");
  update->add_option("NAME", fields->names, "its name")->required()->expected(1);
  std::vector<std::pair<CLI::Option*, const char*>> mask = {
      {update->add_option("--character-set", fields->character_set, "MySQL: default of new tables"),
       "character_set"},
      {update->add_option("--collation", fields->collation, "MySQL: default of new tables"),
       "collation"},
      {update->add_option("--owner", fields->owner, "PostgreSQL: the owning role"), "owner"},
      {update->add_option("--connection-limit", fields->connection_limit,
                          "PostgreSQL: sessions at a time; -1: no limit"),
       "connection_limit"}};
  update->callback([&session, fields, mask] {
    v1::UpdateDatabaseRequest request;
    request.set_request_id(session.RequestId());
    v1::Database& wanted = *request.mutable_database();
    wanted.set_name(fields->names[0]);
    wanted.set_character_set(fields->character_set);
    wanted.set_collation(fields->collation);
    wanted.set_owner(fields->owner);
    wanted.set_connection_limit(fields->connection_limit);
    for (const auto& [option, path] : mask) {
      if (option->count() > 0) request.mutable_update_mask()->add_paths(path);
    }
    v1::ListDatabasesResponse one;
    if (session.Call<v1::DatabaseService>(&v1::DatabaseService::Stub::Update, request,
                                          *one.add_databases())) {
      session.Show(one.databases(0), [&] { return DatabaseTable(one.databases()); });
    }
  });

  CLI::App* remove = database->add_subcommand("delete", "drop databases with all in them");
  remove->add_option("NAME", fields->names, "their names")->required();
  remove->callback([&session, fields] { Delete(session, fields->names); });
}

}  // namespace dbagent::ctl
