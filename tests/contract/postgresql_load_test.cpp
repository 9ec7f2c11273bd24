// What a load of a PostgreSQL dump lets the code of the dumped owners do, and whose everything is
// afterwards (datastores/postgresql/README.md).
#include <algorithm>
#include <thread>

#include "tests/contract/contract_test.h"

namespace dbagent::tests {
namespace {

constexpr const char* kPassword = "pa ss'word";
const std::string kCode = " LANGUAGE plpgsql AS $$ BEGIN ";

class TextSink : public stream::Sink {
 public:
  Status Write(const OpContext&, Bytes data) override {
    text += AsText(data);
    return Ok();
  }
  std::string text;
};

class TextSource : public stream::Source {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  Result<std::size_t> Read(const OpContext& ctx, std::span<std::byte> buffer) override {
    RETURN_IF_ERROR(ctx.Poll());
    if (stop_ != nullptr && at_ > text_.size() / 2) stop_->RequestStop(StopReason::kCancelled);
    const std::size_t count = std::min(buffer.size(), text_.size() - at_);
    std::copy_n(AsBytes(text_).begin() + static_cast<std::ptrdiff_t>(at_), count, buffer.begin());
    at_ += count;
    return count;
  }
  void StopInTheMiddle(StopSwitch& stop) { stop_ = &stop; }

 private:
  std::string text_;
  std::size_t at_ = 0;
  StopSwitch* stop_ = nullptr;
};

// Owners and rights of everything that users made, and of what differs from its extension; a row
// per object, NULL as what it means. What a superuser owned is nobody's after a load, who may then
// use that schema.
const std::string kRights = R"sql(
WITH item AS (
  SELECT 'class' AS kind, c.oid::regclass::text AS name, relowner AS owner, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) AS acl
    FROM pg_class c WHERE relkind IN ('r','p','v','m','S','f') AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_|^information_schema$')
  UNION ALL SELECT 'column', format('%s.%s', attrelid::regclass, attname), 0, attacl FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid >= 16384
  UNION ALL SELECT 'routine', p.oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc p
    WHERE p.oid >= 16384 OR p.oid = 'pg_sleep(float8)'::regprocedure
  UNION ALL SELECT 'type', t.oid::regtype::text, typowner, coalesce(typacl, acldefault('T', typowner)) FROM pg_type t WHERE t.oid >= 16384 AND typelem = 0
  UNION ALL SELECT 'schema', nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)'
  UNION ALL SELECT 'language', lanname, lanowner, coalesce(lanacl, acldefault('l', lanowner)) FROM pg_language WHERE lanpltrusted
  UNION ALL SELECT 'wrapper', fdwname, fdwowner, coalesce(fdwacl, acldefault('F', fdwowner)) FROM pg_foreign_data_wrapper
  UNION ALL SELECT 'server', srvname, srvowner, coalesce(srvacl, acldefault('S', srvowner)) FROM pg_foreign_server
  UNION ALL SELECT 'large object', oid::text, lomowner, coalesce(lomacl, acldefault('L', lomowner)) FROM pg_largeobject_metadata
  UNION ALL SELECT format('default %s in %s', defaclobjtype, defaclnamespace::regnamespace), '', defaclrole, defaclacl FROM pg_default_acl
  UNION ALL SELECT 'publication', pubname, pubowner, NULL FROM pg_publication
  UNION ALL SELECT 'operator', oid::regoperator::text, oprowner, NULL FROM pg_operator WHERE oid >= 16384
  UNION ALL SELECT 'collation', collname, collowner, NULL FROM pg_collation WHERE oid >= 16384
  UNION ALL SELECT 'statistics', stxname, stxowner, NULL FROM pg_statistic_ext
  UNION ALL SELECT 'extension', format('%s in %s: %s', extname, extnamespace::regnamespace, obj_description(oid, 'pg_extension')), extowner, NULL FROM pg_extension
  UNION ALL SELECT 'policy', format('%s for %s', polname, (SELECT string_agg(r::regrole::text, ' ' ORDER BY r::regrole::text) FROM unnest(polroles) r)), 0, NULL FROM pg_policy
  UNION ALL SELECT 'mapping', format('%s %s', srvname, usename), 0, NULL FROM pg_user_mappings
  UNION ALL SELECT 'database', '', datdba, datacl FROM pg_database WHERE datname = current_database()
), nobody AS (
  SELECT oid, CASE WHEN rolname LIKE 'dbagent-%' OR rolname = 'root' THEN 'nobody' ELSE rolname END AS name FROM pg_roles
)
SELECT kind, i.name, o.name, (SELECT string_agg(format('%s=%s%s/%s', e.name, privilege_type, CASE WHEN is_grantable THEN '*' END, r.name), ' '
    ORDER BY e.name, privilege_type, r.name, is_grantable) FROM aclexplode(i.acl) a LEFT JOIN nobody e ON e.oid = grantee LEFT JOIN nobody r ON r.oid = grantor
    WHERE NOT (kind = 'schema' AND e.name = 'nobody' AND grantee <> i.owner))
FROM item i LEFT JOIN nobody o ON o.oid = i.owner ORDER BY 1, 2, 3, 4)sql";

class PostgresqlLoad : public ContractTest {
 protected:
  void RunAs(const UserId& user, const std::string& database,
             const std::vector<std::string>& statements) {
    const auto session = LogIn(user.name, kPassword, database);
    ASSERT_OK(session);
    for (const std::string& sql : statements) ASSERT_OK((*session)->Query(sql)) << sql;
  }
  void RunAsRoot(const std::string& database, const std::vector<std::string>& statements) {
    const auto root = RootSession(database);
    for (const std::string& sql : statements) ASSERT_OK(root->Query(sql)) << sql;
  }
  std::string One(const std::string& database, const std::string& sql) {
    const auto rows = RootSession(database)->Query(sql);
    EXPECT_OK(rows) << sql;
    return rows.ok() && !rows->empty() ? rows->at(0).at(0) : "";
  }
  UserId MakeWith(const std::string& name, const std::string& database, PrivilegeSet set) {
    const UserId user = MakeUser(name);
    EXPECT_OK(grants().GrantTo(ctx(), user, GrantOf(database, set)));
    return user;
  }
  std::string DumpOf(const std::string& database) {
    TextSink sink;
    const auto facts = store().logical_backup()->Dump(ctx(), database, sink);
    EXPECT_OK(facts);
    if (facts.ok()) info_ = facts->database;
    return sink.text;
  }
  Status LoadAs(const std::string& database, const std::string& text, bool superuser = false) {
    TextSource source(text);
    DatabaseInfo target = info_;
    target.name = Database(database);
    return store().logical_backup()->Load(ctx(), {target, superuser}, source);
  }
  ClientSession::Table Rights(const std::string& database) {
    auto rows = RootSession(database)->Query(kRights);
    EXPECT_OK(rows);
    return rows.ok() ? *std::move(rows) : ClientSession::Table();
  }
  void ExpectSameRights(const std::string& original, const std::string& copy) {
    const std::vector<std::string> before = Lines(Rights(original)), after = Lines(Rights(copy));
    ASSERT_GT(before.size(), 10U);
    std::vector<std::string> lost, gained;
    std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                        std::back_inserter(lost));
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                        std::back_inserter(gained));
    EXPECT_EQ(lost, std::vector<std::string>());
    EXPECT_EQ(gained, std::vector<std::string>());
  }
  static std::vector<std::string> Lines(const ClientSession::Table& table) {
    std::vector<std::string> lines;
    for (const auto& row : table) {
      std::string line;
      for (const std::string& cell : row) line += cell + " | ";
      lines.push_back(line);
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  std::string Superusers() {
    return One("postgres",
               "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolsuper AND "
               "rolname <> 'root'");
  }
  std::string Agent() { return server().settings().os_user; }
  std::string SessionsOfLoaders() {
    return One("postgres",
               "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'dbagent-loader-%'");
  }
  std::string PowerfulLoaders() {
    return One("postgres",
               "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'dbagent-loader-%' AND (rolsuper "
               "OR rolcanlogin)");
  }

  DatabaseInfo info_;
};

const std::string kClimb =
    "BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END; ";

TEST_F(PostgresqlLoad, ACheckConstraintMakesNobodyASuperuser) {
  MakeDatabase("shop");
  const UserId mallory = MakeWith("mallory", "shop", PrivilegeSet::kAll);
  RunAs(mallory, "shop",
        {"CREATE FUNCTION climb(i int) RETURNS bool" + kCode + kClimb + "RETURN true; END $$",
         "CREATE TABLE t (i int CHECK (public.climb(i)))", "INSERT INTO t VALUES (1)"});
  const std::string dump = DumpOf("shop");
  ASSERT_OK(LoadAs("copy", dump));
  EXPECT_EQ(Superusers(), Agent());
  EXPECT_EQ(One("copy", "SELECT i FROM t"), "1");
  EXPECT_EQ(One("copy", "SELECT tableowner FROM pg_tables WHERE tablename = 't'"), "mallory");
  // it does run: this is what run_as_superuser warns of
  ASSERT_OK(LoadAs("trusted", dump, true));
  EXPECT_EQ(Superusers(), Agent() + " mallory");
  EXPECT_EQ(PowerfulLoaders(), "0");
}

TEST_F(PostgresqlLoad, ADomainAnAggregateAndAGeneratedColumnMakeNobodyASuperuser) {
  MakeDatabase("shop");
  const UserId mallory = MakeWith("mallory", "shop", PrivilegeSet::kAll);
  RunAs(mallory, "shop",
        {"CREATE FUNCTION climb(i int) RETURNS bool" + kCode + kClimb + "RETURN true; END $$",
         "CREATE DOMAIN d AS int CHECK (public.climb(VALUE))",
         "CREATE FUNCTION add(d, int) RETURNS d LANGUAGE sql AS 'SELECT $1'",
         "CREATE AGGREGATE total(int) (SFUNC = add, STYPE = d, INITCOND = '0')",
         "CREATE FUNCTION made(i int) RETURNS int IMMUTABLE" + kCode + kClimb + "RETURN i; END $$",
         "CREATE TABLE t (d d, g int GENERATED ALWAYS AS (public.made(1)) STORED)",
         "INSERT INTO t VALUES (1)", "CREATE INDEX ON t (public.made(g))",
         "CREATE MATERIALIZED VIEW m AS SELECT public.made(g) FROM t"});
  ASSERT_OK(LoadAs("copy", DumpOf("shop")));
  EXPECT_EQ(Superusers(), Agent());
  EXPECT_EQ(One("copy", "SELECT count(*) FROM m"), "1");
}

TEST_F(PostgresqlLoad, CodeThatItCallsPlantsNothingInWhatOthersOwn) {
  MakeDatabase("shop");
  const UserId bob = MakeWith("bob", "shop", PrivilegeSet::kAll);
  const UserId mallory = MakeWith("mallory", "shop", PrivilegeSet::kAll);
  RunAs(bob, "shop",
        {"CREATE FUNCTION bobs() RETURNS text SECURITY DEFINER LANGUAGE sql AS $$ SELECT 'bob' $$",
         "CREATE TABLE bobs_table (i int)"});
  RunAs(mallory, "shop",
        {"CREATE FUNCTION plant(i int) RETURNS bool" + kCode +
             "BEGIN EXECUTE 'CREATE OR REPLACE FUNCTION public.bobs() RETURNS text SECURITY "
             "DEFINER LANGUAGE sql AS ''SELECT ''''mallory'''' '''; EXCEPTION WHEN OTHERS THEN "
             "NULL; END; "
             "BEGIN EXECUTE 'GRANT ALL ON public.bobs_table TO mallory'; EXCEPTION WHEN OTHERS "
             "THEN NULL; END; "
             "BEGIN EXECUTE format('GRANT ALL ON DATABASE %I TO PUBLIC', current_database()); "
             "EXECUTE format('ALTER DATABASE %I SET work_mem = ''5MB''', current_database()); "
             "EXCEPTION WHEN OTHERS THEN NULL; END; RETURN true; END $$",
         "CREATE TABLE t (i int CHECK (public.plant(i)))", "INSERT INTO t VALUES (1)"});
  ASSERT_OK(LoadAs("copy", DumpOf("shop")));
  EXPECT_EQ(One("copy", "SELECT bobs()"), "bob");
  EXPECT_EQ(One("copy", "SELECT has_table_privilege('mallory', 'bobs_table', 'TRUNCATE')::text"),
            "true");  // by default privileges of the agent's, as in the original
  ExpectSameRights("shop", "copy");
  EXPECT_EQ(One("copy", "SELECT count(*) FROM pg_db_role_setting"), "0");
}

TEST_F(PostgresqlLoad, CodeThatChangesWhatTheDumpsStatementsMeanFailsIt) {
  MakeDatabase("shop");
  const UserId mallory = MakeWith("mallory", "shop", PrivilegeSet::kAll);
  RunAs(mallory, "shop",
        {"CREATE FUNCTION turn(i int) RETURNS bool" + kCode +
             "IF current_user <> 'mallory' THEN PERFORM set_config('search_path', 'public', "
             "false); END IF; RETURN true; END $$",
         "CREATE TABLE t (i int PRIMARY KEY CHECK (public.turn(i)))", "INSERT INTO t VALUES (1)"});
  const Status failed = LoadAs("copy", DumpOf("shop"));
  EXPECT_EQ(ReasonOf(failed), "TOOL_FAILED");
  EXPECT_NE(failed.FullMessage().find("search_path"), std::string::npos) << failed.FullMessage();
}

TEST_F(PostgresqlLoad, WhatIsLeftWithoutItsOwnerRunsWithNobodysRights) {
  MakeDatabase("shop");
  const UserId owner = MakeUser("owner");
  DatabaseChange change;
  change.name = "shop";
  change.owner = owner.name;
  ASSERT_OK(databases().Update(ctx(), change));
  const UserId gone = MakeWith("gone", "shop", PrivilegeSet::kAll);
  const std::string sql =
      "() RETURNS text SECURITY DEFINER LANGUAGE sql AS $$ SELECT current_user::text $$";
  RunAs(gone, "shop",
        {"CREATE FUNCTION of_gone" + sql, "CREATE TABLE t (i int)",
         "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "CREATE POLICY p ON t TO gone USING (true)"});
  RunAsRoot("shop", {"CREATE FUNCTION of_root" + sql});
  const std::string dump = DumpOf("shop");
  ASSERT_OK(users().Drop(ctx(), gone));
  DisableRoot();
  EXPECT_EQ(One("shop", "SELECT of_gone()"), "dbagent-heir");
  EXPECT_EQ(One("shop", "SELECT of_root()"), "dbagent-heir");
  ASSERT_OK(LoadAs("copy", dump));
  EXPECT_EQ(One("copy", "SELECT of_gone()"), "gone");
  EXPECT_EQ(One("copy", "SELECT of_root()"), "dbagent-heir");
  EXPECT_EQ(One("copy",
                "SELECT count(*) FROM pg_roles WHERE rolname = 'gone' AND NOT rolcanlogin AND NOT "
                "rolsuper"),
            "1");
  EXPECT_EQ(One("copy", "SELECT count(*) FROM pg_policy WHERE 'gone'::regrole = ANY (polroles)"),
            "1");
  EXPECT_EQ(One("copy",
                "SELECT count(*) FROM pg_database WHERE datdba = "
                "'\"dbagent-heir\"'::regrole"),
            "0");
}

TEST_F(PostgresqlLoad, ARoleMadeForAMissingOwnerGoesWithTheLastDatabaseThatNamesIt) {
  MakeDatabase("shop");
  const UserId gone = MakeWith("gone", "shop", PrivilegeSet::kAll);
  RunAs(gone, "shop", {"CREATE TABLE t (i int)"});
  const std::string dump = DumpOf("shop");
  ASSERT_OK(users().Drop(ctx(), gone));
  ASSERT_OK(LoadAs("copy", dump));
  ASSERT_OK(LoadAs("other", dump));
  const std::string count = "SELECT count(*) FROM pg_roles WHERE rolname = 'gone'";
  ASSERT_OK(databases().Drop(ctx(), "copy"));
  EXPECT_EQ(One("postgres", count), "1");
  RunAsRoot("postgres", {"CREATE ROLE member", "GRANT gone TO member"});
  ASSERT_OK(databases().Drop(ctx(), "other"));
  EXPECT_EQ(One("postgres", count), "1") << "it has become a group";
  RunAsRoot("postgres", {"DROP ROLE member", "DROP ROLE gone"});
}

TEST_F(PostgresqlLoad, AGivenOwnerGetsWhatMissingOnesHadAndTheDatabase) {
  MakeDatabase("shop");
  const UserId gone = MakeUser("gone");
  const UserId heir = MakeUser("new \"owner\"");
  DatabaseChange change;
  change.name = "shop";
  change.owner = gone.name;
  ASSERT_OK(databases().Update(ctx(), change));
  RunAs(gone, "shop", {"CREATE SCHEMA s", "CREATE TABLE s.t AS SELECT 7 AS i"});
  const std::string dump = DumpOf("shop");
  ASSERT_OK(databases().Drop(ctx(), "shop"));
  ASSERT_OK(users().Drop(ctx(), gone));
  TextSource source(dump);
  info_.name = Database("shop");
  ASSERT_OK(store().logical_backup()->Load(ctx(), {info_, false, heir}, source));
  EXPECT_EQ(One("shop", "SELECT count(*) FROM pg_roles WHERE rolname = 'gone'"), "0");
  EXPECT_EQ(One("shop", "SELECT tableowner FROM pg_tables WHERE tablename = 't'"), heir.name);
  ASSERT_OK_AND_ASSIGN(const DatabaseInfo made, databases().Get(ctx(), "shop"));
  EXPECT_EQ(made.owner, heir.name);
  RunAs(heir, "shop", {"INSERT INTO s.t VALUES (8)"});
  TextSource again(dump);
  info_.name = Database("nowhere");
  EXPECT_EQ(ReasonOf(store().logical_backup()->Load(
                ctx(), {info_, false, UserId{"nobody at all", ""}}, again)),
            "USER_NOT_FOUND");
  EXPECT_FALSE(databases().Get(ctx(), "nowhere").ok());
}

TEST_F(PostgresqlLoad, SettingsAndCommentOfTheDatabaseComeBack) {
  MakeDatabase("shop");
  const UserId user = MakeWith("user%I", "shop", PrivilegeSet::kAll);
  RunAsRoot("postgres", {"ALTER DATABASE shop SET search_path TO 'a b', public",
                         "ALTER DATABASE shop SET \"my.setting\" TO 'it''s %I'",
                         "ALTER ROLE \"user%I\" IN DATABASE shop SET work_mem TO '7MB'",
                         "COMMENT ON DATABASE shop IS 'the shop''s 100%I'"});
  const std::string dump = DumpOf("shop");
  ASSERT_OK(LoadAs("copy", dump));
  const std::string settings =
      "SELECT string_agg(format('%s: %s', setrole::regrole, line), ' ' ORDER BY line) FROM "
      "pg_db_role_setting s CROSS JOIN unnest(setconfig) line JOIN pg_database d ON d.oid = "
      "setdatabase WHERE datname = ";
  const std::string before = One("postgres", settings + "'shop'");
  EXPECT_NE(before.find("7MB"), std::string::npos);
  EXPECT_EQ(One("postgres", settings + "'copy'"), before);
  EXPECT_EQ(One("postgres",
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = "
                "'copy'"),
            "the shop's 100%I");
}

TEST_F(PostgresqlLoad, RolesComeBackWithMembershipsSettingsAndRightsOnParameters) {
  const UserId group = MakeUser("gro\"up");
  const UserId member = MakeUser("member\n-- dbagent-users");
  RunAsRoot("postgres",
            {"ALTER ROLE \"gro\"\"up\" NOINHERIT CREATEDB CONNECTION LIMIT 7 VALID UNTIL "
             "'2031-02-03 04:05:06+00'",
             "COMMENT ON ROLE \"gro\"\"up\" IS E'two\\nlines; -- it''s'",
             "ALTER ROLE \"gro\"\"up\" SET search_path TO 'a b', public",
             "GRANT SET ON PARAMETER log_min_duration_statement TO \"gro\"\"up\"",
             "GRANT pg_monitor TO \"gro\"\"up\" WITH ADMIN OPTION",
             "GRANT \"gro\"\"up\" TO \"member\n-- dbagent-users\""});
  const std::string all =
      "SELECT string_agg(r::text, ' ' ORDER BY r::text) FROM (SELECT rolname, rolsuper, "
      "rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolconnlimit, "
      "rolpassword, rolvaliduntil, rolbypassrls, shobj_description(oid, 'pg_authid'), (SELECT "
      "setconfig FROM pg_db_role_setting WHERE setrole = a.oid), (SELECT string_agg(format('%s "
      "%s', "
      "roleid::regrole, admin_option), ' ' ORDER BY 1) FROM pg_auth_members WHERE member = a.oid), "
      "(SELECT string_agg(parname || paracl::text, ' ') FROM pg_parameter_acl WHERE paracl::text "
      "LIKE '%gro%' AND rolname LIKE 'gro%') FROM pg_authid a WHERE rolname LIKE 'gro%' OR rolname "
      "LIKE 'member%') r";
  const std::string before = One("postgres", all);
  EXPECT_NE(before.find("log_min_duration_statement"), std::string::npos) << before;
  TextSink sink;
  ASSERT_OK(store().logical_backup()->DumpUsers(ctx(), sink));
  ASSERT_OK(users().Drop(ctx(), member));
  ASSERT_OK(users().Drop(ctx(), group));
  datastore::LoadUsersSpec spec;
  spec.before_account = [&](const UserId& id) {
    spec.made.push_back(id);
    return Ok();
  };
  TextSource source(sink.text);
  ASSERT_OK(store().logical_backup()->LoadUsers(ctx(), spec, source));
  EXPECT_EQ(spec.made.size(), 2U);
  spec.part = datastore::LoadUsersSpec::Part::kRights;
  TextSource again(sink.text);
  ASSERT_OK(store().logical_backup()->LoadUsers(ctx(), spec, again));
  EXPECT_EQ(One("postgres", all), before);
}

TEST_F(PostgresqlLoad, AnOwnerThatIsASuperuserNowGetsNothing) {
  MakeDatabase("shop");
  const UserId riser = MakeWith("riser", "shop", PrivilegeSet::kAll);
  RunAs(riser, "shop", {"CREATE TABLE t (i int)"});
  const std::string dump = DumpOf("shop");
  RunAsRoot("postgres", {"ALTER ROLE riser SUPERUSER"});
  ASSERT_OK(LoadAs("copy", dump));
  EXPECT_EQ(One("copy", "SELECT tableowner FROM pg_tables WHERE tablename = 't'"), "dbagent-heir");
}

TEST_F(PostgresqlLoad, OwnersAndRightsOfEverythingComeBack) {
  MakeDatabase("shop");
  const UserId alice = MakeWith("alice \"1\"", "shop", PrivilegeSet::kAll);
  const UserId bob = MakeWith("bob%'s", "shop", PrivilegeSet::kReadOnly);
  const UserId carol = MakeUser("carol");
  Grant creating = GrantOf("shop", {"CREATE"});
  creating.with_grant_option = true;
  ASSERT_OK(grants().GrantTo(ctx(), carol, creating));
  RunAsRoot("postgres", {"ALTER ROLE \"alice \"\"1\"\"\" NOINHERIT"});
  RunAs(alice, "shop",
        {"CREATE SCHEMA \"s x\"",
         "GRANT USAGE, CREATE ON SCHEMA \"s x\" TO \"bob%'s\" WITH GRANT OPTION",
         "CREATE TABLE t (i serial PRIMARY KEY, j int, k int GENERATED ALWAYS AS IDENTITY)",
         "INSERT INTO t VALUES (1, 2)",
         "GRANT SELECT (j), UPDATE (j) ON t TO carol",
         "GRANT SELECT, INSERT ON t TO \"bob%'s\" WITH GRANT OPTION",
         "REVOKE DELETE ON t FROM \"alice \"\"1\"\"\"",
         "CREATE TABLE parts (i int) PARTITION BY RANGE (i)",
         "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (1) TO (9)",
         "CREATE FUNCTION f(VARIADIC int[]) RETURNS int LANGUAGE sql AS 'SELECT 1'",
         "REVOKE EXECUTE ON FUNCTION f FROM PUBLIC",
         "GRANT EXECUTE ON FUNCTION f TO carol",
         "CREATE PROCEDURE pr(IN a int, OUT b int) LANGUAGE sql AS 'SELECT 1'",
         "CREATE AGGREGATE cnt(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0')",
         "REVOKE EXECUTE ON FUNCTION cnt() FROM PUBLIC",
         "CREATE TYPE e AS ENUM ('a')",
         "CREATE TYPE comp AS (a int)",
         "CREATE DOMAIN dm AS int",
         "CREATE TYPE rng AS RANGE (subtype = float8)",
         "REVOKE USAGE ON TYPE dm FROM PUBLIC",
         "GRANT USAGE ON DOMAIN dm TO carol",
         "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
         "CREATE OPERATOR !! (RIGHTARG = int, FUNCTION = int4um)",
         "CREATE COLLATION coll FROM \"C\"",
         "CREATE TEXT SEARCH CONFIGURATION tsc (COPY = simple)",
         "CREATE TEXT SEARCH DICTIONARY tsd (TEMPLATE = simple)",
         "CREATE STATISTICS st ON i, j FROM t",
         "CREATE VIEW v AS SELECT 1 AS a",
         "CREATE MATERIALIZED VIEW mv AS SELECT j FROM t",
         "CREATE SEQUENCE sq",
         "GRANT USAGE ON SEQUENCE sq TO carol",
         "SELECT lo_create(4242)",
         "GRANT SELECT ON LARGE OBJECT 4242 TO carol",
         "CREATE PUBLICATION pub FOR TABLE t",
         "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
         "ALTER TABLE t FORCE ROW LEVEL SECURITY",
         "CREATE POLICY p ON t TO carol, \"bob%'s\" USING (true)",
         "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
         "ALTER DEFAULT PRIVILEGES IN SCHEMA \"s x\" GRANT SELECT ON TABLES TO carol WITH GRANT "
         "OPTION"});
  RunAs(bob, "shop",
        {"GRANT SELECT ON t TO carol WITH GRANT OPTION", "CREATE TABLE \"s x\".b (i int)",
         "ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO carol"});
  RunAsRoot("shop",
            {"SET ROLE carol", "GRANT SELECT ON t TO \"bob%'s\"",
             "GRANT CREATE ON DATABASE shop TO \"alice \"\"1\"\"\"", "RESET ROLE",
             // they lose what they made and granted it with
             "REVOKE CREATE, USAGE ON SCHEMA \"s x\" FROM \"bob%'s\"",
             "REVOKE EXECUTE ON FUNCTION pg_sleep(float8) FROM PUBLIC",
             "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
             "REVOKE USAGE ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO carol",
             "CREATE TABLE roots (i int)", "GRANT SELECT ON roots TO carol"});
  const std::string dump = DumpOf("shop");
  ASSERT_OK(LoadAs("copy", dump));
  ExpectSameRights("shop", "copy");
  // and so they do from the copy
  ASSERT_OK(LoadAs("copy of the copy", DumpOf("copy")));
  ExpectSameRights("shop", "copy of the copy");
}

TEST_F(PostgresqlLoad, ExtensionsComeBackWhereTheyWereWhoeverMayMakeThem) {
  MakeDatabase("shop");
  const UserId alice = MakeWith("alice", "shop", PrivilegeSet::kAll);
  RunAs(alice, "shop",
        {"CREATE SCHEMA own", "CREATE EXTENSION hstore SCHEMA own",
         "COMMENT ON EXTENSION hstore IS 'alice''s'", "CREATE TABLE h (h own.hstore)",
         "INSERT INTO h VALUES ('a=>1')"});
  RunAsRoot("shop",
            {"CREATE SCHEMA tools", "CREATE EXTENSION dblink SCHEMA tools",
             "COMMENT ON EXTENSION dblink IS 'another''s'", "CREATE EXTENSION pageinspect",
             "CREATE EXTENSION file_fdw", "CREATE EXTENSION postgres_fdw",
             "CREATE EXTENSION earthdistance CASCADE", "CREATE EXTENSION pg_stat_statements",
             "GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO alice",
             "GRANT EXECUTE ON FUNCTION get_raw_page(text, bigint) TO alice"});
  RunAs(alice, "shop",
        {"CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw",
         "CREATE USER MAPPING FOR alice SERVER far OPTIONS (password 'x')",
         "CREATE FOREIGN TABLE ft (i int) SERVER far"});
  ASSERT_OK(LoadAs("copy", DumpOf("shop")));
  ExpectSameRights("shop", "copy");
  EXPECT_EQ(One("copy", "SELECT count(*) FROM pg_event_trigger"), "0");
  EXPECT_EQ(One("copy",
                "SELECT count(*) FROM pg_proc p JOIN pg_roles r ON r.oid = proowner WHERE "
                "rolname LIKE 'dbagent-%' AND NOT rolsuper"),
            "0");
  RunAs(alice, "copy", {"DROP EXTENSION hstore CASCADE"});
}

TEST_F(PostgresqlLoad, WhatOnlyASuperuserCanMakeNeedsToBeTrusted) {
  MakeDatabase("shop");
  RunAsRoot(
      "shop",
      {"CREATE FUNCTION c(int) RETURNS int LANGUAGE internal AS 'int4um'",
       "CREATE FUNCTION spy() RETURNS event_trigger" + kCode + "RAISE EXCEPTION 'seen'; END $$",
       "CREATE EVENT TRIGGER spy ON sql_drop EXECUTE FUNCTION spy()",
       "ALTER EVENT TRIGGER spy ENABLE ALWAYS", "CREATE PUBLICATION every FOR ALL TABLES",
       "CREATE EXTENSION postgres_fdw", "CREATE TABLE t (i int)"});
  const std::string dump = DumpOf("shop");
  const Status refused = LoadAs("copy", dump);
  EXPECT_EQ(ReasonOf(refused), "LOAD_NEEDS_SUPERUSER");
  EXPECT_NE(refused.FullMessage().find("permission denied"), std::string::npos)
      << refused.FullMessage();
  EXPECT_NE(refused.hint().find("run_as_superuser"), std::string::npos);
  EXPECT_EQ(PowerfulLoaders(), "0");
  ASSERT_OK(LoadAs("trusted", dump, true));
  EXPECT_EQ(PowerfulLoaders(), "0");
  EXPECT_EQ(One("trusted", "SELECT c(4)"), "-4");
  EXPECT_EQ(One("trusted", "SELECT evtenabled FROM pg_event_trigger"), "D");
  EXPECT_EQ(One("trusted", "SELECT pg_get_userbyid(evtowner) FROM pg_event_trigger"), Agent());
  EXPECT_EQ(One("trusted", "SELECT pg_get_userbyid(pubowner) FROM pg_publication"), Agent());
  EXPECT_EQ(One("trusted", "SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE proname = 'c'"),
            "dbagent-heir");
}

TEST_F(PostgresqlLoad, ACutTailIsRefusedAndNobodyEnters) {
  MakeDatabase("shop");
  const UserId alice = MakeWith("alice", "shop", PrivilegeSet::kAll);
  RunAs(alice, "shop", {"CREATE TABLE t (i int)"});
  const std::string dump = DumpOf("shop");
  const std::size_t tail = dump.find("\n-- dbagent-tail ");
  ASSERT_NE(tail, std::string::npos);
  for (const std::size_t keep :
       {tail + 1, tail + 20, tail + 80, dump.size() - 60, dump.size() - 1}) {
    SCOPED_TRACE(keep);
    EXPECT_EQ(ReasonOf(LoadAs("cut", dump.substr(0, keep))), "DUMP_INCOMPLETE");
    EXPECT_FALSE(LogIn(alice.name, kPassword, "cut").ok());
    ASSERT_OK(databases().Drop(ctx(), "cut"));
  }
  EXPECT_EQ(ReasonOf(LoadAs("more", dump + "SELECT 1;\n")), "DUMP_INCOMPLETE");
}

TEST_F(PostgresqlLoad, MoreLoadsAtOnceThanThereAreSlots) {
  MakeDatabase("shop");
  const UserId gone = MakeWith("gone", "shop", PrivilegeSet::kAll);
  RunAs(gone, "shop", {"CREATE TABLE t (i int)", "CREATE POLICY p ON t TO gone USING (true)"});
  const std::string dump = DumpOf("shop");
  ASSERT_OK(users().Drop(ctx(), gone));
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) names.push_back(Database("copy" + std::to_string(i)));
  std::vector<std::string> results(names.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < names.size(); ++i) {
      threads.emplace_back([&, i] {
        TextSource source(dump);
        DatabaseInfo target = info_;
        target.name = names[i];
        const Status loaded = store().logical_backup()->Load(ctx(), {target, false}, source);
        results[i] = loaded.ok() ? "OK" : loaded.FullMessage();
      });
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(results[i], "OK");
    EXPECT_EQ(One(names[i], "SELECT tableowner FROM pg_tables WHERE tablename = 't'"), "gone");
  }
  for (const std::string& name : names) ASSERT_OK(databases().Drop(ctx(), name));
  EXPECT_EQ(One("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'gone'"), "0");
  EXPECT_EQ(PowerfulLoaders(), "0");
}

TEST_F(PostgresqlLoad, AStoppedLoadLeavesNoSessionNoRoleAndTheNextOneWorks) {
  MakeDatabase("shop");
  const UserId gone = MakeWith("gone", "shop", PrivilegeSet::kAll);
  RunAs(gone, "shop",
        {"CREATE TABLE t AS SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i"});
  const std::string dump = DumpOf("shop");
  ASSERT_OK(users().Drop(ctx(), gone));
  const auto stop = std::make_shared<StopSwitch>();
  TextSource source(dump);
  source.StopInTheMiddle(*stop);
  DatabaseInfo target = info_;
  target.name = Database("stopped");
  EXPECT_EQ(ReasonOf(store().logical_backup()->Load(OpContext(stop, Deadline::Never(), "", nullptr),
                                                    {target, true}, source)),
            "CANCELLED");
  EXPECT_EQ(SessionsOfLoaders(), "0");
  EXPECT_EQ(PowerfulLoaders(), "0");
  ASSERT_OK(databases().Drop(ctx(), "stopped"));
  EXPECT_EQ(One("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'gone'"), "0");
  ASSERT_OK(LoadAs("stopped", dump));
  EXPECT_EQ(One("stopped", "SELECT count(*) FROM t"), "20000");
}

TEST_F(PostgresqlLoad, WhatAKilledLoadLeftIsTakenAwayByTheNextStart) {
  RunAsRoot("postgres",
            {"DO $$ BEGIN CREATE ROLE \"dbagent-loader-4\"; EXCEPTION WHEN duplicate_object THEN "
             "NULL; END $$",
             "ALTER ROLE \"dbagent-loader-4\" SUPERUSER LOGIN PASSWORD 'known'"});
  const auto refused = LogIn("dbagent-loader-4", "known", "postgres");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().FullMessage().find("pg_hba.conf rejects"), std::string::npos);
  ASSERT_OK(store().server()->Start(ctx()));
  EXPECT_EQ(PowerfulLoaders(), "0");
}

}  // namespace
}  // namespace dbagent::tests
