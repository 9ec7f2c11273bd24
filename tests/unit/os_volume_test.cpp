#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/os/volume.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace dbagent::os {
namespace {

mode_t ModeOf(const Path& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

TEST(Volume, MakesItsLayoutOnce) {
  const tests::TempDir directory;
  const Volume volume(directory / "volume");
  ASSERT_OK(volume.MakeLayout());
  EXPECT_EQ(ModeOf(volume.agent()), 0700U);
  EXPECT_EQ(ModeOf(volume.config()), 0755U);
  EXPECT_EQ(ModeOf(volume.generations()), 0755U);
  ASSERT_EQ(chmod(volume.config().c_str(), 0750), 0);
  ASSERT_OK(volume.MakeLayout());
  EXPECT_EQ(ModeOf(volume.config()), 0750U);
}

TEST(Volume, TellsWhereCurrentPoints) {
  const tests::TempDir directory;
  const Volume volume(directory.path());
  ASSERT_OK_AND_ASSIGN(const auto none, volume.CurrentNumber());
  EXPECT_FALSE(none.has_value());
  ASSERT_EQ(symlink("generations/12", volume.current().c_str()), 0);
  ASSERT_OK_AND_ASSIGN(const auto twelve, volume.CurrentNumber());
  EXPECT_EQ(twelve, 12U);
}

TEST(Volume, RefusesALinkThatIsNotItsOwn) {
  for (const char* target :
       {"/etc", "generations/", "generations/../agent", "generations/07", "generations/1/data"}) {
    const tests::TempDir directory;
    const Volume volume(directory.path());
    ASSERT_EQ(symlink(target, volume.current().c_str()), 0);
    EXPECT_EQ(tests::ReasonOf(volume.CurrentNumber()), "CORRUPT_VOLUME") << target;
  }
  const tests::TempDir directory;
  std::filesystem::create_directory(directory / "current");
  EXPECT_EQ(tests::ReasonOf(Volume(directory.path()).CurrentNumber()), "CORRUPT_VOLUME");
}

TEST(Volume, ListsGenerationsByNumber) {
  const tests::TempDir directory;
  const Volume volume(directory.path());
  for (const char* name : {"10", "9", "lost+found", "x1"})
    std::filesystem::create_directories(volume.generations() / name);
  ASSERT_OK_AND_ASSIGN(const auto numbers, volume.Numbers());
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{9, 10}));
}

}  // namespace
}  // namespace dbagent::os
