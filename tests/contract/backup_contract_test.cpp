#include <algorithm>

#include "tests/contract/contract_test.h"
#include "tests/contract/text_streams.h"
#include "tests/support/processes.h"

namespace dbagent::tests {
namespace {

// Takes the first bytes and then stops the operation, as a user would.
class CancellingSink : public stream::Sink {
 public:
  explicit CancellingSink(StopSwitch& stop) : stop_(stop) {}
  Status Write(const OpContext& ctx, Bytes) override {
    if (++writes_ == 2) stop_.RequestStop(StopReason::kCancelled);
    return ctx.Poll();
  }

 private:
  StopSwitch& stop_;
  int writes_ = 0;
};

class BackupContract : public ContractTest {
 protected:
  datastore::LogicalBackup& backup() const { return *store().logical_backup(); }

  void Fill(const std::string& database, const std::vector<std::string>& statements) {
    const auto root = RootSession(database);
    for (const std::string& sql : statements) ASSERT_OK(root->Query(sql)) << sql;
  }
  std::vector<ClientSession::Table> Compared(const std::string& database) {
    const auto root = RootSession(database);
    std::vector<ClientSession::Table> tables;
    for (const std::string& sql : traits().compare) {
      auto answer = root->Query(sql);
      EXPECT_OK(answer) << sql;
      tables.push_back(answer.ok() ? *std::move(answer) : ClientSession::Table());
    }
    return tables;
  }
  bool Exists(const std::string& name) const { return databases().Get(ctx(), name).ok(); }
};

TEST_F(BackupContract, LoadsWhatItDumped) {
  MakeDatabase("hard");
  const UserId reader = MakeUser("reader");
  ASSERT_OK(grants().GrantTo(ctx(), reader, GrantOf("hard", PrivilegeSet::kReadOnly)));
  Fill("hard", traits().hard_data);
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(const datastore::DumpFacts facts, backup().Dump(ctx(), "hard", dump));
  EXPECT_EQ(facts.database.name, "hard");
  EXPECT_FALSE(facts.tool.empty());
  EXPECT_FALSE(facts.server_version.empty());
  DatabaseInfo target = facts.database;
  target.name = Database("hard \"restored\"");
  TextSource source(dump.text);
  ASSERT_OK(backup().Load(ctx(), {target, false}, source));
  ASSERT_OK_AND_ASSIGN(const DatabaseInfo made, databases().Get(ctx(), target.name));
  EXPECT_EQ(made.character_set, facts.database.character_set);
  EXPECT_EQ(made.collation, facts.database.collation);
  EXPECT_EQ(made.owner, facts.database.owner);
  const std::vector<ClientSession::Table> before = Compared("hard");
  const std::vector<ClientSession::Table> after = Compared(target.name);
  for (std::size_t at = 0; at < before.size(); ++at) {
    EXPECT_EQ(before[at], after[at]) << traits().compare[at];
  }
}

TEST_F(BackupContract, KeepsCharacterSetAndCollation) {
  DatabaseSpec spec;
  spec.name = Database("western");
  spec.character_set = traits().character_set;
  spec.collation = traits().collation;
  ASSERT_OK(databases().Create(ctx(), spec));
  Fill("western", {"CREATE TABLE t (t varchar(20))", "INSERT INTO t VALUES ('grün')"});
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts, backup().Dump(ctx(), "western", dump));
  ASSERT_OK(databases().Drop(ctx(), "western"));
  TextSource source(dump.text);
  ASSERT_OK(backup().Load(ctx(), {facts.database, false}, source));
  ASSERT_OK_AND_ASSIGN(const DatabaseInfo made, databases().Get(ctx(), "western"));
  EXPECT_EQ(made.character_set, traits().character_set);
  EXPECT_EQ(made.collation, traits().collation);
  ASSERT_OK_AND_ASSIGN(const ClientSession::Table rows,
                       RootSession("western")->Query("SELECT t FROM t"));
  EXPECT_EQ(rows, (ClientSession::Table{{"grün"}}));
}

TEST_F(BackupContract, MissingOwnersAreMadeAsAccountsThatNobodyCanLogInTo) {
  const UserId owner = MakeUser("gone \"one\"", "pw");
  MakeDatabase("orphaned");
  ASSERT_OK(grants().GrantTo(ctx(), owner, GrantOf("orphaned", PrivilegeSet::kAll)));
  {
    ASSERT_OK_AND_ASSIGN(const auto session, LogIn(owner.name, "pw", "orphaned"));
    ASSERT_OK(session->Query("CREATE TABLE t (i int)"));
    ASSERT_OK(session->Query("INSERT INTO t VALUES (4)"));
    ASSERT_OK(session->Query("CREATE VIEW v AS SELECT i FROM t"));
  }
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts, backup().Dump(ctx(), "orphaned", dump));
  ASSERT_OK(databases().Drop(ctx(), "orphaned"));
  ASSERT_OK(users().Drop(ctx(), owner));
  TextSource source(dump.text);
  ASSERT_OK(backup().Load(ctx(), {facts.database, false}, source));
  ASSERT_OK_AND_ASSIGN(const ClientSession::Table rows,
                       RootSession("orphaned")->Query("SELECT i FROM v"));
  EXPECT_EQ(rows, (ClientSession::Table{{"4"}}));
  ASSERT_OK_AND_ASSIGN(const UserInfo made, users().Get(ctx(), owner));
  EXPECT_TRUE(traits().has_lock ? *made.attributes.locked : !*made.attributes.login);
  EXPECT_FALSE(LogIn(owner.name, "pw", "orphaned").ok());
  EXPECT_FALSE(LogIn(owner.name, "", "orphaned").ok());
}

TEST_F(BackupContract, AGivenOwnerTakesTheirPlace) {
  const UserId owner = MakeUser("gone", "pw");
  const UserId other = MakeUser("in place", "pw");
  MakeDatabase("orphaned");
  ASSERT_OK(grants().GrantTo(ctx(), owner, GrantOf("orphaned", PrivilegeSet::kAll)));
  {
    ASSERT_OK_AND_ASSIGN(const auto session, LogIn(owner.name, "pw", "orphaned"));
    ASSERT_OK(session->Query("CREATE TABLE t (i int)"));
    ASSERT_OK(session->Query("CREATE VIEW v AS SELECT 4 AS i"));
  }
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts, backup().Dump(ctx(), "orphaned", dump));
  ASSERT_OK(databases().Drop(ctx(), "orphaned"));
  ASSERT_OK(users().Drop(ctx(), owner));
  TextSource source(dump.text);
  ASSERT_OK(backup().Load(ctx(), {facts.database, false, other}, source));
  EXPECT_EQ(ReasonOf(users().Get(ctx(), owner)), "USER_NOT_FOUND");
  ASSERT_OK(grants().GrantTo(ctx(), other, GrantOf("orphaned", PrivilegeSet::kReadOnly)));
  ASSERT_OK_AND_ASSIGN(const auto session, LogIn(other.name, "pw", "orphaned"));
  ASSERT_OK_AND_ASSIGN(const ClientSession::Table rows, session->Query("SELECT i FROM v"));
  EXPECT_EQ(rows, (ClientSession::Table{{"4"}}));
}

TEST_F(BackupContract, UsersComeBackWithTheirPasswordsAndTheOthersAreLeftAlone) {
  MakeDatabase("shop");
  const UserId lost = MakeUser("lost \"one\"", "pa;ss\\'word");
  const UserId kept = MakeUser("kept", "old");
  TextSink text;
  ASSERT_OK(backup().DumpUsers(ctx(), text));
  EXPECT_EQ(text.text.find("pa;ss"), std::string::npos);
  ASSERT_OK(users().Drop(ctx(), lost));
  UserChange change;
  change.id = kept;
  change.password = Secret("new");
  ASSERT_OK(users().Update(ctx(), change));

  datastore::LoadUsersSpec spec;
  spec.before_account = [&](const UserId& id) {
    EXPECT_EQ(ReasonOf(users().Get(ctx(), id)), "USER_NOT_FOUND");
    spec.made.push_back(id);
    return Ok();
  };
  TextSource source(text.text);
  ASSERT_OK(backup().LoadUsers(ctx(), spec, source));
  EXPECT_EQ(spec.made, std::vector<UserId>{lost});
  spec.part = datastore::LoadUsersSpec::Part::kRights;
  TextSource again(text.text);
  ASSERT_OK(backup().LoadUsers(ctx(), spec, again));
  ASSERT_OK(grants().GrantTo(ctx(), lost, GrantOf("shop", PrivilegeSet::kReadOnly)));
  ASSERT_OK(grants().GrantTo(ctx(), kept, GrantOf("shop", PrivilegeSet::kReadOnly)));
  EXPECT_OK(LogIn(lost.name, "pa;ss\\'word", "shop"));
  EXPECT_FALSE(LogIn(lost.name, "old", "shop").ok());
  EXPECT_OK(LogIn(kept.name, "new", "shop"));
  ASSERT_OK(backup().DropUsers(ctx(), spec.made));
  ASSERT_OK(backup().DropUsers(ctx(), spec.made));
  EXPECT_EQ(ReasonOf(users().Get(ctx(), lost)), "USER_NOT_FOUND");
  EXPECT_OK(users().Get(ctx(), kept));
}

TEST_F(BackupContract, ACutTextOfUsersMakesNobody) {
  const UserId lost = MakeUser("lost");
  TextSink text;
  ASSERT_OK(backup().DumpUsers(ctx(), text));
  ASSERT_OK(users().Drop(ctx(), lost));
  for (const std::size_t keep : {std::size_t{0}, std::size_t{30}, text.text.size() / 2,
                                 text.text.size() - 30, text.text.size() - 1}) {
    TextSource source(std::string_view(text.text).substr(0, keep));
    EXPECT_EQ(ReasonOf(backup().LoadUsers(ctx(), {}, source)), "CORRUPT_DUMP") << keep;
  }
  EXPECT_EQ(ReasonOf(users().Get(ctx(), lost)), "USER_NOT_FOUND");
}

TEST_F(BackupContract, GrantsOfUsersThatAreThereComeBack) {
  MakeDatabase("granted");
  const UserId reader = MakeUser("returning", "pw");
  ASSERT_OK(grants().GrantTo(ctx(), reader, GrantOf("granted", PrivilegeSet::kReadOnly)));
  Fill("granted", {"CREATE TABLE t (i int)"});
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts, backup().Dump(ctx(), "granted", dump));
  ASSERT_OK(databases().Drop(ctx(), "granted"));
  TextSource source(dump.text);
  ASSERT_OK(backup().Load(ctx(), {facts.database, false}, source));
  ASSERT_OK_AND_ASSIGN(const auto session, LogIn(reader.name, "pw", "granted"));
  EXPECT_TRUE(Can(*session, "SELECT * FROM t"));
}

TEST_F(BackupContract, ADatabaseThatExistsIsLeftAlone) {
  MakeDatabase("taken");
  Fill("taken", {"CREATE TABLE precious (i int)"});
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(const datastore::DumpFacts facts, backup().Dump(ctx(), "taken", dump));
  Fill("taken", {"INSERT INTO precious VALUES (1)"});
  TextSource source(dump.text);
  EXPECT_EQ(ReasonOf(backup().Load(ctx(), {facts.database, false}, source)), "DATABASE_EXISTS");
  ASSERT_OK_AND_ASSIGN(const ClientSession::Table rows,
                       RootSession("taken")->Query("SELECT * FROM precious"));
  EXPECT_EQ(rows.size(), 1U);
}

TEST_F(BackupContract, ACutDumpIsRefused) {
  MakeDatabase("cut");
  Fill("cut", traits().hard_data);
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts, backup().Dump(ctx(), "cut", dump));
  facts.database.name = Database("cut short");
  const std::size_t size = dump.text.size();
  for (const std::size_t keep : {size / 10, size / 2, size - 300, size - 30}) {
    SCOPED_TRACE(keep);
    TextSource source(std::string_view(dump.text).substr(0, keep));
    EXPECT_FALSE(backup().Load(ctx(), {facts.database, false}, source).ok());
    ASSERT_OK(databases().Drop(ctx(), facts.database.name));
  }
}

TEST_F(BackupContract, SqlThatTheServerRefusesIsAFailedTool) {
  MakeDatabase("wrong");
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts, backup().Dump(ctx(), "wrong", dump));
  facts.database.name = Database("wrong too");
  TextSource source("SELECT no_such_thing_anywhere();\n" + std::string(1U << 20U, '\n') +
                    dump.text);
  const Status failed = backup().Load(ctx(), {facts.database, false}, source);
  EXPECT_EQ(ReasonOf(failed), "TOOL_FAILED");
  EXPECT_NE(failed.FullMessage().find("no_such_thing_anywhere"), std::string::npos)
      << failed.FullMessage();
}

TEST_F(BackupContract, AMissingDatabaseIsNotDumped) {
  TextSink dump;
  EXPECT_EQ(ReasonOf(backup().Dump(ctx(), "nowhere", dump)), "DATABASE_NOT_FOUND");
  EXPECT_TRUE(dump.text.empty());
  EXPECT_EQ(ReasonOf(backup().Dump(ctx(), traits().reserved_databases.front(), dump)),
            "NAME_RESERVED");
}

TEST_F(BackupContract, ACancelledDumpLeavesNoProcess) {
  MakeDatabase("bulky");
  Fill("bulky", traits().bulk_data);
  const std::size_t children = Children();
  const std::size_t descriptors = OpenDescriptors();
  const auto stop = std::make_shared<StopSwitch>();
  CancellingSink sink(*stop);
  EXPECT_EQ(ReasonOf(backup().Dump(OpContext(stop, Deadline::Never(), "", nullptr), "bulky", sink)),
            "CANCELLED");
  EXPECT_EQ(Children(), children);
  EXPECT_LE(OpenDescriptors(), descriptors + 1);  // one connection may lie ready
  ASSERT_OK(databases().Drop(ctx(), "bulky"));
}

TEST_F(BackupContract, ACancelledLoadLeavesNoProcessAndNoData) {
  MakeDatabase("bulky");
  Fill("bulky", traits().bulk_data);
  TextSink dump;
  ASSERT_OK_AND_ASSIGN(datastore::DumpFacts facts, backup().Dump(ctx(), "bulky", dump));
  facts.database.name = Database("bulky again");
  const std::size_t children = Children();
  class StoppingSource : public stream::Source {
   public:
    StoppingSource(std::string_view text, StopSwitch& stop) : inner_(text), stop_(stop) {}
    Result<std::size_t> Read(const OpContext& ctx, std::span<std::byte> buffer) override {
      if (++reads_ == 4) stop_.RequestStop(StopReason::kCancelled);
      return inner_.Read(ctx, buffer);
    }

   private:
    TextSource inner_;
    StopSwitch& stop_;
    int reads_ = 0;
  };
  const auto stop = std::make_shared<StopSwitch>();
  StoppingSource source(dump.text, *stop);
  EXPECT_EQ(ReasonOf(backup().Load(OpContext(stop, Deadline::Never(), "", nullptr),
                                   {facts.database, false}, source)),
            "CANCELLED");
  EXPECT_EQ(Children(), children);
  ASSERT_OK(databases().Drop(ctx(), facts.database.name));
  EXPECT_FALSE(Exists(facts.database.name));
}

}  // namespace
}  // namespace dbagent::tests
