#include "tests/fault/power.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "agent/base/unique_fd.h"

namespace dbagent::tests {
namespace {

constexpr const char* kPlace = "/run/dbagent-tests-power";
constexpr off_t kImageBytes = off_t{2} << 30U;  // sparse
constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kNoLogFlush = 2;
constexpr std::chrono::seconds kUnmountBudget{30};

int keeper = -1;  // the socket to it

std::string Failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

class Keeper {
 public:
  std::string Do(char command) {
    if (command == 'm') return Make();
    if (command == 'c') return Shutdown();
    if (command == 'r') {
      std::string unmounted = Unmount();
      return unmounted.empty() ? MountIt() : unmounted;
    }
    if (command == 'e') return End();
    return "unknown command";
  }
  std::string End() {
    if (device_.empty()) return "";
    std::string unmounted = Unmount();
    if (!unmounted.empty()) return unmounted;
    loop_ = UniqueFd();  // which clears the device
    device_.clear();
    rmdir(kPlace);
    return "";
  }

 private:
  std::string Make() {
    if (!device_.empty()) return "it is mounted already";
    char name[] = "/var/tmp/dbagent-power.XXXXXX";
    const UniqueFd image(mkostemp(name, O_CLOEXEC));
    if (!image.valid()) return Failed("no image file");
    std::string made = ftruncate(image.get(), kImageBytes) == 0 ? Format(name) : Failed("no image");
    unlink(name);
    if (!made.empty()) return made;
    const UniqueFd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (!control.valid()) return Failed("no /dev/loop-control");
    for (int attempt = 0; attempt < 10; ++attempt) {  // another program may take the free one first
      const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
      if (number < 0) return Failed("no free loop device");
      device_ = "/dev/loop" + std::to_string(number);
      loop_ = UniqueFd(open(device_.c_str(), O_RDWR | O_CLOEXEC));
      if (!loop_.valid()) return Failed("unable to open " + device_);
      loop_config config{};
      config.fd = static_cast<std::uint32_t>(image.get());
      config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
      if (ioctl(loop_.get(), LOOP_CONFIGURE, &config) == 0) return MountIt();
      if (errno != EBUSY) return Failed("unable to set up " + device_);
    }
    return "no loop device stays free";
  }

  static std::string Format(const char* image) {
    const pid_t child = fork();
    if (child == 0) {
      execl("/usr/sbin/mkfs.ext4", "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1", image,
            nullptr);
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status == 0 ? "" : "mkfs.ext4 failed";
  }

  std::string MountIt() {
    mkdir(kPlace, 0755);
    if (mount(device_.c_str(), kPlace, "ext4", MS_NOSUID | MS_NODEV, "") != 0)
      return Failed("unable to mount " + device_);
    return chmod(kPlace, 01777) == 0 ? "" : Failed("unable to set its mode");
  }

  std::string Unmount() {
    const auto until = std::chrono::steady_clock::now() + kUnmountBudget;
    while (umount2(kPlace, 0) != 0) {
      if (errno == EINVAL) return "";  // is not mounted
      if (errno != EBUSY || std::chrono::steady_clock::now() > until)
        return Failed("unable to unmount");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return "";
  }

  static std::string Shutdown() {
    const UniqueFd root(open(kPlace, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::uint32_t flags = kNoLogFlush;
    if (!root.valid() || ioctl(root.get(), kShutdown, &flags) != 0) return Failed("unable to cut");
    return "";
  }

  std::string device_;
  UniqueFd loop_;  // as long as it is open the device stays ours between two mounts
};

[[noreturn]] void Keep(int socket) {
  Keeper it;
  char command = 0;
  while (read(socket, &command, 1) == 1) {
    const std::string answer = it.Do(command) + "\n";
    if (write(socket, answer.data(), answer.size()) < 0) break;
  }
  it.End();
  _exit(0);
}

std::string Ask(char command) {
  if (keeper < 0) return "only root can mount";
  if (write(keeper, &command, 1) != 1) return Failed("nobody keeps the file system");
  std::string answer;
  for (char c = 0; read(keeper, &c, 1) == 1 && c != '\n';) answer += c;
  return answer;
}

}  // namespace

void Power::StartKeeper() {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    close(sockets[0]);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);  // the end of the socket tells when it is over
    Keep(sockets[1]);
  }
  close(sockets[1]);
  keeper = sockets[0];
}

std::string Power::Mount(std::filesystem::path& place) {
  place = kPlace;
  return Ask('m');
}
std::string Power::Cut() {
  return Ask('c');
}
std::string Power::Return() {
  return Ask('r');
}

std::string Power::Release() {
  return Ask('e');
}

}  // namespace dbagent::tests
