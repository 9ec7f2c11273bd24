// Encrypted backups on a store, without a server: what a stranger who can write there may try.
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "agent/backup/chunk_writer.h"
#include "agent/backup/key_files.h"
#include "agent/backup/layout.h"
#include "agent/backup/stream_source.h"
#include "agent/backup/verify.h"
#include "agent/base/ids.h"
#include "agent/os/files.h"
#include "agent/storage/file_store.h"
#include "agent/stream/sha256.h"
#include "agent/stream/zstd_frame.h"
#include "tests/support/backup_files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::backup {
namespace {

using namespace std::chrono_literals;
using tests::ReasonOf;

constexpr const char* kInstance = "11111111-2222-4333-8444-555555555555";
constexpr const char* kMark = "the words that must not be seen on the store";

class BackupEncryption : public testing::Test {
 protected:
  OpContext ctx() const { return OpContext().WithBudget(60s); }
  static KeyRing Ring(std::map<std::string, Secret> keys, const std::string& active) {
    return KeyRing(std::move(keys), active);
  }

  std::string Noise(std::size_t bytes) {
    std::string text(bytes, '\0');
    for (char& c : text) c = static_cast<char>(random_());
    return text;
  }
  // Two streams; the first of three chunks.
  std::string MakeBackup(const KeyRing& ring) {
    internal::Manifest manifest;
    manifest.set_format(kFormat);
    manifest.set_id(NewId());
    manifest.set_instance_id(kInstance);
    manifest.mutable_encryption()->set_cipher(kCipher);
    const BackupCipher cipher = BackupCipher::New(kInstance, manifest.id());
    const std::string folder = repository_.Folder(manifest.id());
    EXPECT_OK(WriteKeySlot(ctx(), *store_, folder, ring.Wrap(cipher, kInstance, manifest.id())));
    RateLimit rate;
    Pipeline pipeline(*store_, budget_, rate, {});
    for (const std::string& content : {Noise(2 * kFirstChunkBytes) + kMark, std::string(kMark)}) {
      const auto number = static_cast<std::uint64_t>(manifest.streams_size());
      ChunkWriter writer(ctx(), pipeline, {folder, number, cipher});
      EXPECT_OK(writer.Write(ctx(), AsBytes(content)));
      internal::Stream& stream = *manifest.add_streams();
      stream.set_name(fmt::format("stream {}", number));
      EXPECT_OK(writer.Finish(ctx(), stream));
    }
    EXPECT_OK(repository_.WriteManifest(ctx(), manifest, cipher));
    return manifest.id();
  }
  Result<std::string> ReadAll(const std::string& backup, const KeyRing& ring) {
    ASSIGN_OR_RETURN(const OpenedBackup opened, repository_.Open(ctx(), backup, ring));
    std::string all;
    std::vector<std::byte> buffer(100000);
    for (const internal::Stream& stream : opened.manifest.streams()) {
      ReadFlow flow(*store_, budget_, nullptr);
      StreamSource source(ctx(), flow, {kInstance, opened, stream});
      for (;;) {
        ASSIGN_OR_RETURN(const std::size_t got, source.Read(ctx(), buffer));
        if (got == 0) break;
        all += AsText(Bytes(buffer).first(got));
      }
    }
    return all;
  }
  std::filesystem::path File(const std::string& backup, const std::string& name) const {
    return tests::FileOfObject(directory_ / repository_.Folder(backup), name);
  }
  static std::string TextOf(const std::filesystem::path& file) {
    const Result<std::string> text = os::ReadFile(file);
    EXPECT_OK(text);
    return text.ok() ? *text : "";
  }
  static void Write(const std::filesystem::path& file, const std::string& text) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  }
  // What somebody does who knows the format but not the key: every digest fits again.
  void ChangeManifest(const std::string& backup, const std::function<void(std::string&)>& change) {
    const std::string text = TextOf(File(backup, kManifestName));
    const std::size_t end = text.find('\n');
    const std::size_t seal = text.find('\n', end + 1);
    std::string json = text.substr(0, end + 1);
    change(json);
    Write(File(backup, kManifestName),
          json + "sha256 " + stream::Sha256Hex(AsBytes(json)) + "\n" + text.substr(seal + 1));
  }

  const tests::TempDir directory_;
  const std::unique_ptr<storage::ObjectStore> store_ = storage::MakeFileStore(directory_.path());
  Repository repository_{*store_, kInstance};
  stream::BufferBudget budget_{64U << 20U};
  std::mt19937 random_{7};
  const Secret old_ = stream::RandomKey(), new_ = stream::RandomKey();
  const KeyRing ring_ = Ring({{"old", old_}}, "old");
};

TEST_F(BackupEncryption, NothingOfTheSourceIsSeenOnTheStoreAndItComesBack) {
  const std::string backup = MakeBackup(ring_);
  // Magic, descriptor and size (RFC 8878). The magic alone is in so many bytes by chance, once in
  // a few hundred runs.
  ASSERT_OK_AND_ASSIGN(
      const stream::Buffer frame,
      stream::FrameCompressor().Compress(AsBytes(Noise(kFrameBytes)), PipelineOptions().level));
  const std::string header(AsText(frame.bytes().first(9)));
  EXPECT_TRUE(header.starts_with("\x28\xb5\x2f\xfd"));
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory_ / repository_.Folder(backup))) {
    if (!entry.is_regular_file()) continue;
    const std::string text = TextOf(entry.path());
    EXPECT_EQ(text.find("must not be seen"), std::string::npos) << entry.path();
    EXPECT_EQ(text.find(header), std::string::npos) << entry.path();
  }
  ASSERT_OK_AND_ASSIGN(const std::string all, ReadAll(backup, ring_));
  EXPECT_EQ(all.size(), 2 * kFirstChunkBytes + 2 * std::string(kMark).size());
  EXPECT_TRUE(all.ends_with(std::string(kMark) + kMark));
}

TEST_F(BackupEncryption, WithoutItsKeyItCanBeListedAndDeletedButNotRead) {
  const std::string backup = MakeBackup(ring_);
  EXPECT_OK(repository_.ReadManifest(ctx(), backup));
  const KeyRing none, other = Ring({{"new", new_}}, "new"),
                      same_name = Ring({{"old", new_}}, "old");
  for (const KeyRing* ring : {&none, &other}) {
    const Status refused = ReadAll(backup, *ring).status();
    EXPECT_EQ(ReasonOf(refused), "KEY_MISSING");
    EXPECT_NE(refused.message().find("can be opened by old"), std::string::npos)
        << refused.message();
    ReadFlow flow(*store_, budget_, nullptr);
    EXPECT_EQ(ReasonOf(Verify(ctx(), flow, *ring, kInstance, backup)), "KEY_MISSING");
  }
  EXPECT_EQ(ReasonOf(ReadAll(backup, same_name)), "KEY_WRONG");
  EXPECT_OK(repository_.Remove(ctx(), backup));
  ASSERT_OK_AND_ASSIGN(const auto left, repository_.Folders(ctx()));
  EXPECT_TRUE(left.empty());
}

TEST_F(BackupEncryption, EveryObjectThatWasChangedIsRefusedByItsName) {
  const std::string backup = MakeBackup(ring_), other = MakeBackup(ring_);
  const std::string chunk = "chunks/0000/00000000.zst.aes";
  for (const std::string& name :
       {chunk, std::string("chunks/0001/00000000.zst.aes"), std::string("index/0000/0000"),
        std::string("manifest"), std::string("keys/old")}) {
    const std::filesystem::path file = File(backup, name);
    const std::string whole = TextOf(file);
    std::vector<std::pair<std::string, std::string>> cases = {
        {"cut", whole.substr(0, whole.size() - 2)},
        {"half", whole.substr(0, whole.size() / 2)},
        {"of another backup", TextOf(File(other, name))},
    };
    for (const std::size_t at : {std::size_t{30}, whole.size() / 2, whole.size() - 2}) {
      if (name == "keys/old") continue;  // its text has room for changes that mean nothing
      std::string altered = whole;
      altered[at] = static_cast<char>(altered[at] ^ 1);
      cases.emplace_back(fmt::format("altered at {}", at), altered);
    }
    for (const auto& [what, text] : cases) {
      SCOPED_TRACE(name + " " + what);
      Write(file, text);
      const Status refused = ReadAll(backup, ring_).status();
      EXPECT_EQ(ReasonOf(refused), "BACKUP_CORRUPT") << refused.ToString();
      EXPECT_NE(tests::PlainName(refused.message()).find(name), std::string::npos)
          << refused.message();
    }
    Write(file, whole);
  }
  EXPECT_OK(ReadAll(backup, ring_));
}

TEST_F(BackupEncryption, AManifestMadeWithoutTheKeyIsRefusedWhateverItsDigestSays) {
  const std::string backup = MakeBackup(ring_);
  const std::string whole = TextOf(File(backup, kManifestName));
  const auto refused = [&](const std::function<void(std::string&)>& change) {
    ChangeManifest(backup, change);
    const Status status = ReadAll(backup, ring_).status();
    Write(File(backup, kManifestName), whole);
    EXPECT_EQ(ReasonOf(status), "BACKUP_CORRUPT") << status.ToString();
    return status.message().find("manifest") != std::string::npos;
  };
  EXPECT_TRUE(
      refused([](std::string& json) { json.replace(json.find("stream 1"), 8, "stream 2"); }));
  // a whole stream dropped, its order changed, one repeated
  EXPECT_TRUE(refused([](std::string& json) { json.erase(json.rfind(",{\"name\""), 40); }));
  // as if it had never been encrypted
  EXPECT_TRUE(refused([](std::string& json) {
    const std::string part = "\"encryption\":{\"cipher\":\"AES-256-GCM\"}";
    const std::size_t at = json.find(part);
    ASSERT_NE(at, std::string::npos);
    json.replace(at, part.size(), "\"bottleneck\":\"x\"");
  }));
  EXPECT_OK(ReadAll(backup, ring_));
}

TEST_F(BackupEncryption, AChunkOpensOnlyInItsOwnPlace) {
  const BackupCipher backup = BackupCipher::New(kInstance, "a");
  const StreamCipher cipher = backup.ForStream("attempt");
  const Bytes text = AsBytes("frames");
  const auto open = [&](const StreamCipher& with, std::uint64_t number, bool last) {
    stream::Buffer sealed = cipher.Seal(5, false, std::span(&text, 1));
    return ReasonOf(with.Open(number, last, {sealed.data(), sealed.size()}));
  };
  EXPECT_EQ(open(cipher, 5, false), "OK");
  EXPECT_EQ(open(cipher, 4, false), "SEAL_BROKEN");                     // moved, repeated
  EXPECT_EQ(open(cipher, 5, true), "SEAL_BROKEN");                      // the rest cut off
  EXPECT_EQ(open(backup.ForStream("again"), 5, false), "SEAL_BROKEN");  // of another attempt
  const BackupCipher elsewhere(backup.data_key(), kInstance, "b");
  EXPECT_EQ(open(elsewhere.ForStream("attempt"), 5, false), "SEAL_BROKEN");  // of another backup
}

TEST_F(BackupEncryption, TwoBackupsOfTheSameBytesShareNothing) {
  const BackupCipher cipher = BackupCipher::New(kInstance, "a");
  const Bytes text = AsBytes("frames");
  const auto seal = [&](const StreamCipher& with) {
    return ToHex(with.Seal(0, true, std::span(&text, 1)).bytes());
  };
  EXPECT_NE(seal(cipher.ForStream("one")), seal(cipher.ForStream("two")));
  EXPECT_NE(seal(cipher.ForStream("one")),
            seal(BackupCipher::New(kInstance, "a").ForStream("one")));
}

class KeyFiles : public testing::Test {
 protected:
  os::Path Put(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const os::Path file = directory_ / name;
    EXPECT_OK(os::WriteFileAtomic(file, text, mode));
    return file;
  }
  static std::string Load(const std::vector<std::pair<std::string, os::Path>>& files) {
    config::EncryptionSettings settings;
    for (const auto& [id, file] : files) settings.keys.push_back({id, {.file = file}});
    settings.active = files.front().first;
    return ReasonOf(LoadKeyRing(settings));
  }
  const tests::TempDir directory_;
  const std::string hex_ = std::string(64, 'a'), other_ = std::string(64, 'B');
};

TEST_F(KeyFiles, AreReadOnlyWhenNobodyElseCanReadThem) {
  EXPECT_EQ(Load({{"k", Put("good", hex_ + "\n")}}), "OK");
  EXPECT_EQ(Load({{"k", Put("open", hex_, 0640)}}), "SECRET_UNREADABLE");
  EXPECT_EQ(Load({{"k", directory_ / "missing"}}), "SECRET_UNREADABLE");
}

TEST_F(KeyFiles, HoldOneKeyOfTheRightLength) {
  EXPECT_EQ(Load({{"k", Put("short", hex_.substr(2))}}), "KEY_INVALID");
  EXPECT_EQ(Load({{"k", Put("long", hex_ + "00")}}), "KEY_INVALID");
  EXPECT_EQ(Load({{"k", Put("words", std::string(64, 'x'))}}), "KEY_INVALID");
}

TEST_F(KeyFiles, EachHoldsAKeyOfItsOwn) {
  EXPECT_EQ(Load({{"a", Put("a", hex_)}, {"b", Put("b", other_)}}), "OK");
  EXPECT_EQ(Load({{"a", Put("a", hex_)}, {"b", Put("c", hex_ + "\n\n")}}), "KEY_DUPLICATE");
}

}  // namespace
}  // namespace dbagent::backup
