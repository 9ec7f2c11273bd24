// `dbagentctl backup cat`: the bytes of a backup's streams.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "agent/os/files.h"
#include "tests/e2e/agent_process.h"

namespace dbagent::tests {
namespace {

using v1::BackupService;

std::string TextOf(const os::Path& path) {
  Result<std::string> text = os::ReadFile(path, 512U << 20U);
  EXPECT_TRUE(text.ok()) << text.status().ToString();
  return text.ok() ? *std::move(text) : std::string();
}

class BackupCat : public testing::Test {
 protected:
  void SetUp() override {
    agent_.Start();
    agent_.PrepareWithApp({"shop"});
    auto session = TheTraits().log_in(agent_.port(), {"app", Secret("pw"), "shop"});
    ASSERT_TRUE(session.ok()) << session.status().ToString();
    for (const std::string& sql : TheTraits().bulk_data) {
      const auto made = (*session)->Query(sql);
      ASSERT_TRUE(made.ok()) << made.status().ToString();
    }
  }
  v1::Backup Backup() {
    v1::CreateBackupRequest request;
    v1::Operation operation;
    EXPECT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Create, request, operation).ok());
    operation = agent_.Finish(operation);
    EXPECT_EQ(operation.state(), v1::SUCCEEDED) << operation.DebugString();
    v1::GetBackupRequest get;
    get.set_id(operation.backup_id());
    v1::Backup backup;
    EXPECT_TRUE(Call<BackupService>(agent_, &BackupService::Stub::Get, get, backup).ok());
    return backup;
  }
  static const v1::BackupStream& StreamOf(const v1::Backup& backup, const std::string& name) {
    return *std::find_if(backup.streams().begin(), backup.streams().end(),
                         [&](const v1::BackupStream& stream) { return stream.name() == name; });
  }

  struct Said {
    int exit_code = -1;
    std::string out, error;
  };
  // Standard output is a file unless `more` says something else.
  Said Cat(const std::string& arguments, const std::string& before = "") {
    const os::Path out = agent_.home() / "out", error = agent_.home() / "err";
    const std::string command = fmt::format(
        "{}{}/agent/dbagentctl --socket {} backup cat {} >{} 2>{}", before, DBAGENT_BINARY_DIR,
        agent_.socket().native(), arguments, out.native(), error.native());
    Said said;
    said.exit_code = WEXITSTATUS(std::system(command.c_str()));
    said.out = TextOf(out);
    said.error = TextOf(error);
    return said;
  }

  AgentProcess agent_;
};

TEST_F(BackupCat, GivesTheDumpAndListsTheStreams) {
  const v1::Backup backup = Backup();
  const Said names = Cat(backup.id());
  EXPECT_EQ(names.exit_code, 0) << names.error;
  EXPECT_NE(names.out.find("databases/shop.sql\n"), std::string::npos) << names.out;
  EXPECT_NE(names.out.find("users.sql\n"), std::string::npos) << names.out;

  const Said dump = Cat(backup.id() + " databases/shop.sql");
  EXPECT_EQ(dump.exit_code, 0) << dump.error;
  EXPECT_EQ(dump.out.size(), StreamOf(backup, "databases/shop.sql").source_bytes());
  // byte for byte what was stored; the users' stream is the first one
  const os::Path folder = agent_.store_directory / backup.instance_id() / backup.id();
  const std::string compare = fmt::format("cat {}/chunks/0001*/*.zst | zstd -dc | cmp - {}",
                                          folder.native(), (agent_.home() / "out").native());
  EXPECT_EQ(std::system(compare.c_str()), 0) << compare;
  EXPECT_NE(dump.out.find("ump complete"), std::string::npos) << "what the tools end with";

  const Said users =
      Cat(backup.id() + " users.sql --store local --instance " + backup.instance_id());
  EXPECT_EQ(users.exit_code, 0) << users.error;
  EXPECT_NE(users.out.find("app"), std::string::npos);
}

TEST_F(BackupCat, AnUnknownStreamOrBackupIsTold) {
  const v1::Backup backup = Backup();
  const Said stream = Cat(backup.id() + " databases/crm.sql");
  EXPECT_NE(stream.exit_code, 0);
  EXPECT_EQ(stream.out, "");
  EXPECT_NE(stream.error.find("STREAM_NOT_FOUND"), std::string::npos) << stream.error;
  EXPECT_NE(stream.error.find("databases/shop.sql"), std::string::npos) << stream.error;
  const Said none = Cat("20200101T000000Z-000000000000 users.sql");
  EXPECT_NE(none.exit_code, 0);
  EXPECT_NE(none.error.find("BACKUP_NOT_FOUND"), std::string::npos) << none.error;
}

TEST_F(BackupCat, AStreamThatIsDamagedInTheMiddleEndsWithAnErrorThatSaysSo) {
  const v1::Backup backup = Backup();
  const v1::BackupStream& stream = StreamOf(backup, "databases/shop.sql");
  ASSERT_GT(stream.chunks(), 1U) << "there is no middle";
  // the last chunk of the largest stream
  os::Path last;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(agent_.store_directory)) {
    if (entry.path().extension() == ".zst" &&
        (last.empty() || entry.path().filename() > last.filename()))
      last = entry.path();
  }
  {
    std::fstream file(last, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file << "xxxx";
  }
  const Said said = Cat(backup.id() + " databases/shop.sql");
  EXPECT_NE(said.exit_code, 0);
  EXPECT_GT(said.out.size(), 0U);
  EXPECT_LT(said.out.size(), stream.source_bytes());
  EXPECT_NE(said.error.find("is not whole"), std::string::npos) << said.error;
  EXPECT_NE(said.error.find("BACKUP_CORRUPT"), std::string::npos) << said.error;
  EXPECT_NE(said.error.find(last.filename()), std::string::npos) << said.error;
}

TEST_F(BackupCat, ACallerWhoGoesAwayOrDoesNotReadHoldsNothing) {
  const v1::Backup backup = Backup();
  v1::ReadBackupRequest request;
  request.set_id(backup.id());
  request.set_stream("databases/shop.sql");
  const auto stub = BackupService::NewStub(agent_.channel());
  // two that do not read take the places that there are
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::BackupPiece>>> readers;
  v1::BackupPiece piece;
  for (int i = 0; i < 2; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    contexts.back()->set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
    readers.push_back(stub->Read(contexts.back().get(), request));
    ASSERT_TRUE(readers.back()->Read(&piece));
    EXPECT_LE(piece.data().size(), 256U << 10U);
  }
  const auto read_one = [&] {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
    const auto reader = stub->Read(&context, request);
    std::uint64_t bytes = 0;
    while (reader->Read(&piece)) bytes += piece.data().size();
    return std::pair(ToOutcome(reader->Finish()).reason, bytes);
  };
  EXPECT_EQ(read_one().first, "TOO_BUSY");
  EXPECT_EQ(agent_.Instance().state(), v1::HEALTHY);  // other calls go on
  for (const auto& context : contexts) context->TryCancel();
  for (const auto& reader : readers)
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  std::pair<std::string, std::uint64_t> last;
  for (int tries = 0; tries < 100; ++tries) {
    last = read_one();
    if (last.first == "OK") break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(last.first, "OK");
  EXPECT_EQ(last.second, StreamOf(backup, "databases/shop.sql").source_bytes());
}

TEST_F(BackupCat, ATerminalGetsNoneOfIt) {
  const v1::Backup backup = Backup();
  // script(1) gives the command a terminal
  const os::Path out = agent_.home() / "typescript";
  const std::string command = fmt::format(
      "script --quiet --return --command '{}/agent/dbagentctl --socket {} backup cat {} "
      "users.sql' /dev/null >{} 2>&1",
      DBAGENT_BINARY_DIR, agent_.socket().native(), backup.id(), out.native());
  EXPECT_NE(WEXITSTATUS(std::system(command.c_str())), 0);
  const std::string said = TextOf(out);
  EXPECT_NE(said.find("OUTPUT_IS_TERMINAL"), std::string::npos) << said;
}

TEST_F(BackupCat, AViewerMayNot) {
  const v1::Backup backup = Backup();
  agent_.Stop();
  agent_.peers = "{user: \"" + std::to_string(geteuid()) + "\", role: viewer}";
  agent_.Start();
  const Said said = Cat(backup.id() + " users.sql");
  EXPECT_NE(said.exit_code, 0);
  EXPECT_EQ(said.out, "");
  EXPECT_NE(said.error.find("PERMISSION_DENIED"), std::string::npos) << said.error;
  EXPECT_NE(agent_.log().find("BackupService/Read"), std::string::npos) << "it is not audited";
}

}  // namespace
}  // namespace dbagent::tests
