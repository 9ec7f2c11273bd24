// GrantAdmin::List: the truth from the catalogs, put back into sets and words where it is uniform.
#include <algorithm>
#include <map>

#include "agent/base/bytes.h"
#include "datastores/postgresql/grant_admin.h"
#include "datastores/postgresql/roles.h"
#include "datastores/postgresql/user_admin.h"

namespace dbagent::datastore::postgresql {
namespace {

// $1: the role's oid. Objects that it owns are left out: it has everything on them anyway.
constexpr const char* kObjects = R"sql(
WITH object(kind, label, acl) AS (
  SELECT 'n', 'schema ' || quote_ident(nspname), nspacl FROM pg_namespace
    WHERE NOT starts_with(nspname, 'pg_') AND nspname <> 'information_schema' AND nspowner <> $1::oid
  UNION ALL
  SELECT CASE relkind WHEN 'S' THEN 'S' ELSE 'r' END,
         CASE relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || quote_ident(nspname) || '.' || quote_ident(relname), relacl
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE relkind IN ('r', 'v', 'm', 'f', 'p', 'S') AND relowner <> $1::oid
      AND NOT starts_with(nspname, 'pg_') AND nspname <> 'information_schema'
  UNION ALL
  SELECT 'f', 'routine ' || p.oid::regprocedure::text, proacl FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE proowner <> $1::oid AND NOT starts_with(nspname, 'pg_') AND nspname <> 'information_schema'
  UNION ALL
  SELECT 'c', 'column ' || quote_ident(nspname) || '.' || quote_ident(relname) || '.' || quote_ident(attname), attacl
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE attacl IS NOT NULL AND NOT attisdropped AND relowner <> $1::oid
      AND NOT starts_with(nspname, 'pg_') AND nspname <> 'information_schema'
)sql";

Kind KindOf(const std::string& letter) {
  if (letter == "n") return Kind::kSchema;
  if (letter == "S") return Kind::kSequence;
  return letter == "f" ? Kind::kRoutine : Kind::kTable;
}

// A label of a database in another encoding than UTF-8 may hold bytes that no answer can carry.
std::string Shown(std::string label) {
  if (IsUtf8(label)) return label;
  std::replace_if(
      label.begin(), label.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; },
      '?');
  return label;
}

struct Held {  // one privilege on one object
  std::string letter, label, word;
  bool grantable = false;
};

struct Picture {
  std::map<std::string, std::size_t> totals;  // objects per letter
  std::vector<Held> held;
  Rights later, later_grantable;  // default privileges
  Rights database, database_grantable;
};

// Every word that the role has on all objects of a kind, now and later.
Rights Uniform(const Picture& picture, bool grantable) {
  Rights uniform = grantable ? picture.database_grantable : picture.database;
  std::map<std::pair<Kind, std::string>, std::size_t> counts;
  std::map<Kind, std::size_t> totals;
  for (const auto& [letter, total] : picture.totals) {
    if (letter != "c") totals[KindOf(letter)] += total;
  }
  for (const Held& held : picture.held) {
    if (held.letter != "c" && held.grantable >= grantable)
      ++counts[{KindOf(held.letter), held.word}];
  }
  const Rights& later = grantable ? picture.later_grantable : picture.later;
  for (const Kind kind : kObjectKinds) {
    for (const std::string& word : later.of(kind)) {
      if (counts[{kind, word}] == totals[kind]) uniform.of(kind).insert(word);
    }
  }
  return uniform;
}

// The sets and words that `uniform` holds; what they cover is added to `covered`.
std::vector<Grant> Recognise(const std::string& database, const Rights& uniform,
                             const Rights& grantable, std::uint32_t major, Rights& covered) {
  std::vector<Grant> grants;
  for (const PrivilegeSet set :
       {PrivilegeSet::kAll, PrivilegeSet::kReadWrite, PrivilegeSet::kReadOnly}) {
    const Rights rights = RightsOfSet(set, major);
    if (!uniform.Contains(rights)) continue;
    grants.push_back({database, "", set, {}, grantable.Contains(rights)});
    covered = rights;
    break;
  }
  std::array<Grant, 2> words = {Grant{database, "", PrivilegeSet::kNone, {}, false},
                                Grant{database, "", PrivilegeSet::kNone, {}, true}};
  for (const auto& [word, rights] : KnownPrivileges(major)) {
    if (covered.Contains(rights) || !uniform.Contains(rights)) continue;
    words[grantable.Contains(rights) ? 1 : 0].privileges.push_back(word);
  }
  for (Grant& grant : words) {
    for (const auto& [word, rights] : KnownPrivileges(major)) {
      if (std::find(grant.privileges.begin(), grant.privileges.end(), word) !=
          grant.privileges.end())
        covered.Add(rights);
    }
    if (!grant.privileges.empty()) grants.push_back(std::move(grant));
  }
  return grants;
}

// What is held on single objects beyond `covered`.
std::vector<Grant> Single(const std::string& database, const Picture& picture,
                          const Rights& covered) {
  std::map<std::pair<std::string, bool>, std::vector<std::string>> single;
  for (const Held& held : picture.held) {
    if (held.letter != "c" && covered.Has(KindOf(held.letter), held.word)) continue;
    single[{Shown(held.label), held.grantable}].push_back(held.word);
  }
  std::vector<Grant> grants;
  for (auto& [key, words] : single) {
    std::sort(words.begin(), words.end());
    grants.push_back({database, key.first, PrivilegeSet::kNone, std::move(words), key.second});
  }
  return grants;
}

Result<Picture> Look(const OpContext& ctx, Connection& connection, const std::string& oid) {
  Picture picture;
  ASSIGN_OR_RETURN(
      const Rows totals,
      connection.Query(
          ctx, std::string(kObjects) + ") SELECT kind, count(*) FROM object GROUP BY kind", {oid}));
  for (std::size_t row = 0; row < totals.size(); ++row)
    picture.totals[totals.Text(row, 0)] = std::stoul(totals.Text(row, 1));
  ASSIGN_OR_RETURN(
      const Rows held,
      connection.Query(ctx,
                       std::string(kObjects) +
                           ") SELECT kind, label, privilege_type, bool_or(is_grantable) FROM "
                           "object, aclexplode(acl) a "
                           "WHERE a.grantee = $1::oid GROUP BY kind, label, privilege_type",
                       {oid}));
  for (std::size_t row = 0; row < held.size(); ++row) {
    picture.held.push_back(
        {held.Text(row, 0), held.Text(row, 1), held.Text(row, 2), held.True(row, 3)});
  }
  ASSIGN_OR_RETURN(
      const Rows later,
      connection.Query(
          ctx,
          "SELECT d.defaclobjtype, a.privilege_type, a.is_grantable FROM pg_default_acl d "
          "JOIN pg_roles r ON r.oid = d.defaclrole AND r.rolname = session_user, "
          "aclexplode(d.defaclacl) a "
          "WHERE d.defaclnamespace = 0 AND d.defaclobjtype IN ('r', 'S', 'f', 'n') AND a.grantee = "
          "$1::oid",
          {oid}));
  for (std::size_t row = 0; row < later.size(); ++row) {
    const Kind kind = KindOf(later.Text(row, 0));
    picture.later.of(kind).insert(later.Text(row, 1));
    if (later.True(row, 2)) picture.later_grantable.of(kind).insert(later.Text(row, 1));
  }
  return picture;
}

// The role's own entries on databases, and an empty picture for every other database where it has
// anything.
Result<std::map<std::string, Picture>> Databases(const OpContext& ctx, Connection& connection,
                                                 const std::string& oid) {
  std::map<std::string, Picture> pictures;
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query(ctx,
                                    "SELECT d.datname, a.privilege_type, a.is_grantable FROM "
                                    "pg_database d, aclexplode(d.datacl) a "
                                    "WHERE a.grantee = $1::oid AND d.datdba <> $1::oid",
                                    {oid}));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Picture& picture = pictures[rows.Text(row, 0)];
    picture.database.of(Kind::kDatabase).insert(rows.Text(row, 1));
    if (rows.True(row, 2)) picture.database_grantable.of(Kind::kDatabase).insert(rows.Text(row, 1));
  }
  ASSIGN_OR_RETURN(
      const Rows inside,
      connection.Query(
          ctx,
          "SELECT DISTINCT d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid "
          "WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1::oid AND s.deptype = 'a'",
          {oid}));
  for (std::size_t row = 0; row < inside.size(); ++row) pictures[inside.Text(row, 0)];
  return pictures;
}

}  // namespace

Result<std::vector<Grant>> PostgresGrantAdmin::List(const OpContext& ctx, const UserId& user) {
  RETURN_IF_ERROR(CheckUserId(user, server_.agent()));
  std::map<std::string, Picture> pictures;
  std::string oid;
  {
    ASSIGN_OR_RETURN(SessionPool::Lease session, server_.pool.Take(ctx));
    ASSIGN_OR_RETURN(const std::optional<std::string> found, FindRole(ctx, *session, user.name));
    if (!found) return RoleNotFound(user.name);
    oid = *found;
    ASSIGN_OR_RETURN(pictures, Databases(ctx, *session, oid));
  }
  std::vector<Grant> grants;
  for (auto& [database, on_database] : pictures) {
    Result<std::unique_ptr<Connection>> connection = server_.pool.Connect(ctx, database);
    if (connection.status().reason() == "DATABASE_NOT_FOUND") continue;  // dropped meanwhile
    if (!connection.ok()) return std::move(connection).status();
    ASSIGN_OR_RETURN(Picture picture, Look(ctx, **connection, oid));
    picture.database = on_database.database;
    picture.database_grantable = on_database.database_grantable;
    Rights covered;
    std::vector<Grant> whole = Recognise(database, Uniform(picture, false), Uniform(picture, true),
                                         server_.info.major, covered);
    std::move(whole.begin(), whole.end(), std::back_inserter(grants));
    std::vector<Grant> single = Single(database, picture, covered);
    std::move(single.begin(), single.end(), std::back_inserter(grants));
  }
  return grants;
}

}  // namespace dbagent::datastore::postgresql
