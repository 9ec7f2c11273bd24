// What only the driver of MySQL and MariaDB promises of physical backups.
#include <signal.h>
#include <zlib.h>

#include <thread>

#include "tests/contract/physical_test.h"
#include "tests/support/processes.h"

namespace dbagent::tests {
namespace {

std::string LittleEndian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xffU);
  return out;
}

// One file as mariadb-backup streams it.
std::string MbstreamMember(const std::string& name, const std::string& content) {
  const std::string head = LittleEndian(name.size(), 4) + name;
  const auto checksum =
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  return std::string("XBSTCK01\0P", 10) + head + LittleEndian(content.size(), 8) +
         LittleEndian(0, 8) + LittleEndian(checksum, 4) + content + std::string("XBSTCK01\0E", 10) +
         head;
}

// One file as ustar has it.
std::string TarMember(const std::string& name, const std::string& content) {
  std::string header(512, '\0');
  header.replace(0, name.size(), name);
  header.replace(100, 8, std::string("0000600\0", 8));
  header.replace(108, 8, std::string("0000000\0", 8));
  header.replace(116, 8, std::string("0000000\0", 8));
  header.replace(124, 12, fmt::format("{:011o}", content.size()) + '\0');
  header.replace(136, 12, std::string("00000000000\0", 12));
  header.replace(148, 8, "        ");
  header[156] = '0';
  header.replace(257, 8,
                 std::string("ustar\0"
                             "00",
                             8));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  header.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

class MysqlPhysical : public PhysicalTest {
 protected:
  // As somebody would who can write to the store: files that the server or a tool might use.
  KeptArchives With(const KeptArchives& kept, const std::map<std::string, std::string>& files) {
    KeptArchives altered;
    altered.archives = kept.archives;
    std::string more;
    for (const auto& [name, content] : files)
      more += mariadb() ? MbstreamMember(name, content) : TarMember(name, content);
    std::string& text = altered.archives[0].second;
    // an mbstream ends with its last chunk, a tar with blocks of NULs: in front of both is room
    text.insert(0, more);
    return altered;
  }
  // Runs `what` on a thread of its own as soon as the server copies its files.
  std::thread OnceItClones(std::function<void()> what) {
    return std::thread([this, what = std::move(what)] {
      const Deadline deadline = Deadline::After(std::chrono::seconds(20));
      while (!deadline.expired() && !server().Sees(staging() / "clone")) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      what();
    });
  }
  // As an agent that was killed since began it.
  std::string OrphanClone() {
    return "CLONE LOCAL DATA DIRECTORY = '" + (staging() / "clone").native() + "'";
  }
  // Whether a session is, or is soon, in that state with such a statement (LIKE).
  static bool Shows(ClientSession& session, const std::string& statement,
                    const std::string& state) {
    const Deadline deadline = Deadline::After(std::chrono::seconds(20));
    while (!deadline.expired()) {
      const auto found =
          session.Query("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '" +
                        statement + "' AND state = '" + state + "'");
      if (found.ok() && found->at(0).at(0) != "0") return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  std::string Message(const Result<datastore::PhysicalFacts>& facts) {
    return facts.ok() ? "" : facts.status().FullMessage() + facts.status().hint();
  }
};

TEST_F(MysqlPhysical, WhatCannotBeHeldIsRefusedWithTheListBeforeAnythingIsRead) {
  std::vector<std::string> named;
  const os::Path elsewhere = staging().parent_path().parent_path() / "tablespaces" / "elsewhere";
  ASSERT_OK(server().AsServer("mkdir -m 0700 '" + elsewhere.native() + "'"));
  if (mariadb()) {
    Run({"CREATE TABLE outside (n int) ENGINE = InnoDB DATA DIRECTORY = '" + elsewhere.native() +
             "'",
         "CREATE TABLE linked (n int) ENGINE = MyISAM DATA DIRECTORY = '" + elsewhere.native() +
             "'"});
    named = {"shop/outside.isl", "shop/linked.MYD"};
  } else {
    Run({"CREATE TABLE old (n int) ENGINE = MyISAM",
         "CREATE TABLE fleeting (n int) ENGINE = MEMORY"});
    named = {"shop.old (MyISAM)", "shop.fleeting (MEMORY)"};
  }
  KeptArchives kept;
  const auto facts = engine().Take(ctx(), kept);
  EXPECT_EQ(ReasonOf(facts), "BACKUP_UNSUPPORTED");
  for (const std::string& name : named)
    EXPECT_NE(Message(facts).find(name), std::string::npos) << Message(facts);
  EXPECT_TRUE(kept.archives.empty());
  EXPECT_FALSE(server().Sees(staging()));
}

TEST_F(MysqlPhysical, TablespacesWithAPathOfTheirOwnAreRefusedOnMysql) {
  if (mariadb()) return;  // it has none
  ASSERT_OK_AND_ASSIGN(const auto current, server().settings().volume.CurrentNumber());
  const os::Path file =
      server().settings().volume.generation(current.value()).data / "somewhere.ibd";
  Run({"CREATE TABLESPACE roomy ADD DATAFILE '" + file.native() + "'"});
  KeptArchives kept;
  const auto facts = engine().Take(ctx(), kept);
  EXPECT_EQ(ReasonOf(facts), "BACKUP_UNSUPPORTED");
  EXPECT_NE(Message(facts).find("somewhere.ibd"), std::string::npos) << Message(facts);
  Run({"DROP TABLESPACE roomy"});
}

TEST_F(MysqlPhysical, NoConfigurationOfATamperedArchiveIsUsed) {
  const os::Path proof = server().directory() / "proof";
  Run({"CREATE TABLE t (n int)", "INSERT INTO t VALUES (5)"});
  KeptArchives kept;
  ASSERT_OK_AND_ASSIGN(const datastore::PhysicalFacts facts, engine().Take(ctx(), kept));
  const std::string options =
      "[mysqld]\nplugin_load=evil=evil.so\nplugin-load-add=evil.so\ninit-file=/nowhere/evil.sql\n"
      "general-log=1\ngeneral-log-file=" +
      proof.native() + "\n[mariadb]\nplugin-load-add=evil.so\n";
  const std::string lists = proof.native() + "\n";
  ASSERT_OK(os::WriteFileAtomic(proof, "mine", 0600));
  const KeptArchives altered = With(kept, {{"my.cnf", options},
                                           {"backup-my.cnf", options},
                                           {"./mysqld-auto.cnf", "{\"Version\": 1}"},
                                           {"auto.cnf", "[auto]\nserver-uuid=evil\n"},
                                           {"#clone/#new_files", lists},
                                           {"#clone/#old_files", lists}});
  ASSERT_OK_AND_ASSIGN(const os::Generation generation, server().host().MakeGeneration());
  ASSERT_OK(UnpackAll(generation, altered, facts.notes));
  for (const char* name : {"my.cnf", "mysqld-auto.cnf", "backup-my.cnf", "#clone"})
    EXPECT_FALSE(server().Sees(generation.data / name)) << name;
  ASSERT_OK(SwitchTo(generation));
  ASSERT_OK(engine().Settle(ctx()));
  EXPECT_EQ(Ask("SELECT n FROM t"), (ClientSession::Table{{"5"}}));
  EXPECT_EQ(Ask("SELECT @@general_log"), (ClientSession::Table{{"0"}}));
  ASSERT_OK_AND_ASSIGN(const std::string text, os::ReadFile(proof));
  EXPECT_EQ(text, "mine");
}

TEST_F(MysqlPhysical, FilesThatLeadOutOfTheDataDirectoryAreRefused) {
  KeptArchives kept;
  ASSERT_OK_AND_ASSIGN(const datastore::PhysicalFacts facts, engine().Take(ctx(), kept));
  for (const char* name : {"shop/evil.isl", "other.cnf", "../evil", "/tmp/evil"}) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const os::Generation generation, server().host().MakeGeneration());
    const Status refused = UnpackAll(generation, With(kept, {{name, "/tmp/evil"}}), facts.notes);
    EXPECT_EQ(ReasonOf(refused), "ARCHIVE_REFUSED");
    ASSERT_OK(server().host().RemoveGeneration(generation.number));
  }
}

TEST_F(MysqlPhysical, ABackupThatTheInstalledServerCannotContinueIsRefused) {
  KeptArchives kept;
  ASSERT_OK_AND_ASSIGN(const datastore::PhysicalFacts facts, engine().Take(ctx(), kept));
  ASSERT_OK_AND_ASSIGN(const os::Generation generation, server().host().MakeGeneration());
  const std::string version = facts.notes.at("version");
  const auto with = [&](const std::string& product, const std::string& other) {
    std::map<std::string, std::string> notes = facts.notes;
    notes["product"] = product;
    notes["version"] = other;
    return UnpackAll(generation, kept, notes);
  };
  const std::string product = TheTraits().product;
  const std::string series = version.substr(0, version.rfind('.'));
  for (const std::string& other : {std::string("5.5.1"), series + ".999", series + "1.0"}) {
    const Status refused = with(product, other);
    EXPECT_EQ(ReasonOf(refused), "VERSION_UNSUPPORTED") << other;
    EXPECT_FALSE(refused.hint().empty());
  }
  EXPECT_EQ(ReasonOf(with(mariadb() ? "MySQL" : "MariaDB", version)), "VERSION_UNSUPPORTED");
  EXPECT_EQ(ReasonOf(UnpackAll(generation, kept, {})), "ARCHIVE_CORRUPT");
  EXPECT_OK(server().AsServer("test -z \"$(ls -A '" + generation.data.native() + "')\""));
  ASSERT_OK(with(product, series + ".0"));  // an older one of the series
}

TEST_F(MysqlPhysical, ATableThatDoesNotOpenIsNamed) {
  Run({"CREATE TABLE kept (n int)", "CREATE TABLE `lost ``one` (n int)"});
  KeptArchives kept;
  ASSERT_OK_AND_ASSIGN(const datastore::PhysicalFacts facts, engine().Take(ctx(), kept));
  ASSERT_OK_AND_ASSIGN(const os::Generation generation, server().host().MakeGeneration());
  ASSERT_OK(UnpackAll(generation, kept, facts.notes));
  ASSERT_OK(server().AsServer("rm '" +
                              (generation.data / "shop" / "lost@0020@0060one.ibd").native() + "'"));
  ASSERT_OK(SwitchTo(generation));
  const Status settled = engine().Settle(ctx());
  EXPECT_EQ(ReasonOf(settled), "DATA_UNREADABLE");
  EXPECT_NE(settled.message().find("shop.lost `one"), std::string::npos) << settled.message();
  EXPECT_EQ(settled.message().find("shop.kept"), std::string::npos) << settled.message();
}

TEST_F(MysqlPhysical, TheAgentsAccountWorksThoughTheBackupHoldsItLocked) {
  const auto root = Root();
  const std::string lock =
      fmt::format("ALTER USER '{}'@'localhost' ACCOUNT LOCK", server().settings().os_user);
  KeptArchives kept;
  bool locked = false;
  kept.on_write = [&] {
    if (mariadb() && !std::exchange(locked, true)) {
      EXPECT_OK(root->Query(lock));
    }
  };
  // MySQL's files are whole before the first byte comes; the driver has a session open
  if (mysql()) {
    ASSERT_OK(root->Query(lock));
  }
  const auto facts = engine().Take(ctx(), kept);
  ASSERT_OK(root->Query(
      fmt::format("ALTER USER '{}'@'localhost' ACCOUNT UNLOCK", server().settings().os_user)));
  ASSERT_OK(facts);
  ASSERT_OK(Restore(kept, *facts));
}

TEST_F(MysqlPhysical, ARedoLogThatIsOverwrittenIsToldInPlainWordsOnMariadb) {
  if (mysql()) return;  // CLONE keeps what it needs of the log
  Run(TheTraits().bulk_data);
  const auto root = Root();
  ASSERT_OK(root->Query("SET GLOBAL innodb_log_file_size = 20971520"));
  KeptArchives kept;
  int writes = 0;
  kept.on_write = [&] {
    if (++writes != 4) return;  // a store that stalls, on a busy server
    for (int i = 0; i < 4; ++i) EXPECT_OK(root->Query("UPDATE shop.bulk SET t = REVERSE(t)"));
  };
  const auto facts = engine().Take(ctx(), kept);
  EXPECT_EQ(ReasonOf(facts), "REDO_LOG_OVERRUN") << Message(facts);
  EXPECT_NE(Message(facts).find("innodb_log_file_size"), std::string::npos) << Message(facts);
  EXPECT_FALSE(server().Sees(staging()));
  kept = KeptArchives();
  ASSERT_OK(engine().Take(ctx(), kept));
}

TEST_F(MysqlPhysical, ACloneIsCancelledWhileItRunsOnMysql) {
  if (mariadb()) return;  // nothing is copied beside itself
  Run(TheTraits().bulk_data);
  const auto stop = std::make_shared<StopSwitch>();
  std::thread canceller = OnceItClones([&] { stop->RequestStop(StopReason::kCancelled); });
  KeptArchives kept;
  const auto facts = engine().Take(OpContext(stop, Deadline::Never(), "", nullptr), kept);
  canceller.join();
  EXPECT_EQ(ReasonOf(facts), "CANCELLED") << Message(facts);
  EXPECT_TRUE(kept.archives.empty());
  EXPECT_FALSE(server().Sees(staging()));
  kept = KeptArchives();
  ASSERT_OK(engine().Take(ctx(), kept));
}

TEST_F(MysqlPhysical, AServerThatIsKilledMeanwhileLeavesNothing) {
  Run(TheTraits().bulk_data);
  const std::size_t children = Children();
  const auto kill_server = [&] {
    EXPECT_OK(server().Signal(server().host().ServerState().pid, SIGKILL));
  };
  KeptArchives kept;
  int writes = 0;
  kept.on_write = [&] {
    if (mariadb() && ++writes == 3) kill_server();
  };
  std::thread killer;
  if (mysql()) killer = OnceItClones(kill_server);
  const auto facts = engine().Take(ctx(), kept);
  if (killer.joinable()) killer.join();
  EXPECT_EQ(ReasonOf(facts), mariadb() ? "TOOL_FAILED" : "SERVER_UNAVAILABLE") << Message(facts);
  EXPECT_FALSE(server().Sees(staging()));
  ASSERT_TRUE(server().Reaches(datastore::HealthState::kHealthy, std::chrono::seconds(60)));
  EXPECT_EQ(Children(), children);
  kept = KeptArchives();
  ASSERT_OK(engine().Take(ctx(), kept));
}

TEST_F(MysqlPhysical, ACloneThatAKilledAgentBeganIsEndedOnMysql) {
  if (mariadb()) return;  // its tool dies with the agent
  Run(TheTraits().bulk_data);
  KeptArchives kept;
  ASSERT_OK(engine().Take(ctx(), kept));  // now the plugin is there
  ASSERT_OK(server().AsServer("mkdir -m 0700 '" + staging().native() + "'"));
  const auto root = Root();
  std::thread orphan([&] {
    // it may have ended by itself before it is told to
    root->Query(OrphanClone()).status().Ignore("only what it leaves counts");
  });
  std::optional<Status> cleaned;
  std::thread cleaner = OnceItClones([&] { cleaned = engine().CleanUp(ctx()); });
  cleaner.join();
  orphan.join();
  ASSERT_OK(*cleaned);
  EXPECT_FALSE(server().Sees(staging()));
}

// One that cannot end by itself: it waits for a change of a table, which goes on.
TEST_F(MysqlPhysical, ACloneThatWaitsIsEndedOnMysql) {
  if (mariadb()) return;
  KeptArchives kept;
  ASSERT_OK(engine().Take(ctx(), kept));  // now the plugin is there
  ASSERT_OK(server().AsServer("mkdir -m 0700 '" + staging().native() + "'"));
  const auto changing = Root(), cloning = Root(), watching = Root();
  const auto id = changing->Query("SELECT CONNECTION_ID()");
  ASSERT_OK(id);
  ASSERT_OK(watching->Query("SET GLOBAL clone_block_ddl = ON"));
  std::thread change([&] {
    EXPECT_FALSE(changing->Query("CREATE TABLE shop.slow AS SELECT SLEEP(60) AS s").ok());
  });
  EXPECT_TRUE(Shows(*watching, "CREATE TABLE shop.slow%", "User sleep"));
  std::thread clone([&] { EXPECT_FALSE(cloning->Query(OrphanClone()).ok()); });
  EXPECT_TRUE(Shows(*watching, "CLONE LOCAL%", "Waiting for backup lock"));
  EXPECT_OK(engine().CleanUp(ctx()));
  clone.join();
  EXPECT_OK(watching->Query("KILL CONNECTION " + id->at(0).at(0)));
  change.join();
  EXPECT_OK(watching->Query("SET GLOBAL clone_block_ddl = DEFAULT"));
  EXPECT_FALSE(server().Sees(staging()));
}

TEST_F(MysqlPhysical, WhatAKilledAgentLeftIsRemoved) {
  ASSERT_OK(engine().CleanUp(ctx()));  // nothing is fine
  ASSERT_OK(server().PutFile(staging() / "clone" / "shop" / "t.ibd", "half"));
  ASSERT_OK(engine().CleanUp(ctx()));
  EXPECT_FALSE(server().Sees(staging()));
}

}  // namespace
}  // namespace dbagent::tests
