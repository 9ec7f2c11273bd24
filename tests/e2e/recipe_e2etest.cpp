// agent/backup/README.md says how to read a backup with public tools alone. Its commands are run
// here as they stand there.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "agent/os/files.h"
#include "tests/e2e/agent_process.h"
#include "tests/support/real_server.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;

std::string TextOf(const os::Path& path) {
  Result<std::string> text = os::ReadFile(path, 512U << 20U);
  EXPECT_TRUE(text.ok()) << text.status().ToString();
  return text.ok() ? *std::move(text) : std::string();
}

// The code block that the README calls so.
std::string Block(const std::string& name) {
  std::ifstream file(DBAGENT_SOURCE_DIR "/agent/backup/README.md");
  std::string text, line;
  bool inside = false;
  while (std::getline(file, line)) {
    if (inside && line == "```") break;
    if (inside) text += line + "\n";
    if (line == "```sh " + name) inside = true;
  }
  EXPECT_NE(text, "") << "the README has no commands called " << name;
  return text;
}

class Recipe : public testing::Test {
 protected:
  void SetUp() override {
    agent_.Start();
    agent_.PrepareWithApp({"shop"});
    auto session = TheTraits().log_in(agent_.port(), {"app", Secret("pw"), "shop"});
    ASSERT_TRUE(session.ok()) << session.status().ToString();
    for (const std::string& sql : TheTraits().many_rows) ASSERT_TRUE((*session)->Query(sql).ok());
  }
  void TearDown() override {
    if (server_ > 0) {
      kill(server_, SIGINT);
      kill(server_, SIGTERM);
      for (int i = 0; i < 600 && kill(server_, 0) == 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  std::string Backup(v1::BackupMethod method) {
    v1::CreateBackupRequest request;
    request.set_method(method);
    v1::Operation operation;
    EXPECT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation).ok());
    operation = agent_.Finish(operation);
    EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString();
    return operation.backup_id();
  }
  // The README's commands, then `more`; what they wrote, with their exit code at its end.
  std::string RunShell(const std::string& backup, const std::string& commands,
                       const std::string& settings, const std::string& more) {
    const os::Path script = agent_.home() / "recipe.sh", out = agent_.home() / "recipe.out";
    std::ofstream(script) << "export STORE=" << agent_.store_directory.native()
                          << " INSTANCE=" << agent_.Instance().id() << " BACKUP=" << backup
                          << " RESTORED=" << Restored().native() << "\n"
                          << settings << "\n"
                          << Block("public-tools") << commands << more;
    const int status = std::system(
        fmt::format("bash {} >{} 2>&1 </dev/null", script.native(), out.native()).c_str());
    return TextOf(out) + "\nexit " + std::to_string(WEXITSTATUS(status));
  }
  os::Path Restored() const { return agent_.home() / "restored"; }
  bool postgresql() const { return TheTraits().kind == "postgresql"; }
  std::string Path() const {
    const os::Path prefix = TheTraits().programs.empty() ? "/usr" : TheTraits().programs;
    if (postgresql()) return "PATH=/usr/lib/postgresql/15/bin:$PATH\n";
    std::string text = fmt::format("PATH={0}/sbin:{0}/bin:$PATH\n", prefix.native());
    // a tree that was moved does not find its own files
    if (TheTraits().name == "mysql")
      text += fmt::format("mysqld() {{ exec {0}/sbin/mysqld \"$@\" --basedir={0}; }}\n",
                          prefix.native());
    return text;
  }

  AgentProcess agent_;
  pid_t server_ = 0;
};

TEST_F(Recipe, RestoresADatabaseIntoAFreshServer) {
  const std::string backup = Backup(v1::BACKUP_METHOD_LOGICAL);
  RealServer fresh;
  const Status prepared = fresh.Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.ToString();
  const std::string run = fresh.settings().runtime_directory;
  std::string settings = Path(), commands, check;
  if (postgresql()) {
    settings += fmt::format("export PGHOST={} PGPORT={}\n", run, fresh.settings().port);
    commands = Block("public-tools-logical-postgresql");
    check =
        "psql --no-psqlrc --tuples-only --no-align --dbname shop --command 'SELECT count(*) FROM "
        "t'\n";
  } else {
    const std::string client = TheTraits().name == "mysql" ? "mysql" : "mariadb";
    // the clients' only way to be told where the server is without changing the commands
    settings += fmt::format(
        "mariadb() {{ {}/bin/{} --no-defaults --socket={}/mysql.sock \"$@\"; }}\n",
        TheTraits().programs.empty() ? "/usr" : TheTraits().programs.native(), client, run);
    commands = Block("public-tools-logical-mysql");
    check = "mariadb --skip-column-names --execute 'SELECT count(*) FROM shop.t'\n";
  }
  const std::string said = RunShell(backup, commands, settings, check);
  EXPECT_TRUE(said.ends_with("50000\n\nexit 0")) << said;
  EXPECT_NE(said.find("users.sql\n"), std::string::npos) << said;  // the streams were listed
}

TEST_F(Recipe, PutsAServerOnAPhysicalBackup) {
  const std::string backup = Backup(v1::BACKUP_METHOD_PHYSICAL);
  const std::string commands = Block("public-tools-physical-" + TheTraits().name);
  std::string check;
  if (postgresql()) {
    check =
        "head -n 1 \"$RESTORED/data/postmaster.pid\" >\"$RESTORED/pid\"\n"
        "psql --no-psqlrc --tuples-only --no-align --host \"$RESTORED\" --port 5432 --dbname shop "
        "--command 'SELECT count(*) FROM t'\n";
  } else {
    check = fmt::format(
        "echo $! >\"$RESTORED/pid\"\nfor i in $(seq 600); do [ -S \"$RESTORED/socket\" ] && break; "
        "sleep 0.1; done\n{} --no-defaults --socket=\"$RESTORED/socket\" --skip-column-names "
        "--execute 'SELECT count(*) FROM shop.t'\n",
        TheTraits().name == "mysql" ? "mysql" : "mariadb");
  }
  const std::string said = RunShell(backup, commands, Path(), check);
  const std::string log = TextOf(Restored() / "log");
  std::ifstream(Restored() / "pid") >> server_;
  EXPECT_TRUE(said.ends_with("50000\n\nexit 0")) << said << log;
}

TEST_F(Recipe, FindsAnAlteredChunk) {
  const std::string backup = Backup(v1::BACKUP_METHOD_LOGICAL);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(agent_.store_directory)) {
    if (entry.path().extension() != ".zst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(10);
    file.put('\x01');
  }
  const std::string said = RunShell(backup, "", "", "echo not reached\n");
  EXPECT_EQ(said.find("not reached"), std::string::npos) << said;
  EXPECT_NE(said.find("FAILED"), std::string::npos) << said;
}

}  // namespace
}  // namespace dbagent::tests
