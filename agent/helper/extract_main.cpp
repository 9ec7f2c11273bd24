// dbagent-extract [--mark FILE] FORMAT DIRECTORY [NAME…]: an archive from stdin into a directory,
// as the user who runs it. The host runs it as the datastore's user, who must own the files.
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "agent/helper/unpack.h"

namespace {

// How much is done twice at most, and how often everything waits for the disk.
#ifdef DBAGENT_CHECKED
constexpr std::chrono::milliseconds kMarkInterval{50};
#else
constexpr std::chrono::milliseconds kMarkInterval = std::chrono::seconds(30);
#endif

dbagent::Status Extract(const std::string& format, const std::string& directory,
                        const dbagent::helper::UnpackOptions& options) {
  using namespace dbagent;
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return os::ErrnoError("create directory", directory, errno);
  ASSIGN_OR_RETURN(
      helper::Beneath into,
      helper::Beneath::Open(directory, options.mark != nullptr && options.mark->again()));
  if (format == "tar") return helper::UnpackTar(0, into, options);
  if (format == "mbstream") return helper::UnpackMbstream(0, into, options);
  if (format == "file" && options.leave_out.size() == 1)
    return helper::PutFile(0, into, *options.leave_out.begin());
  return Error(Code::kInvalidArgument, "FORMAT_UNKNOWN", "unable to unpack: no format '{}'",
               format);
}

// Says where the archive is to begin, then goes on from there.
dbagent::Status ExtractFromMark(const std::string& mark_file, const std::string& format,
                                const std::string& directory,
                                dbagent::helper::UnpackOptions options) {
  using namespace dbagent;
  ASSIGN_OR_RETURN(helper::UnpackMark mark, helper::UnpackMark::Open(mark_file, kMarkInterval));
  std::printf("%s\n", std::to_string(mark.begin()).c_str());
  if (std::fflush(stdout) != 0) return os::ErrnoError("write", "standard output", errno);
  options.mark = &mark;
  return Extract(format, directory, options);
}

}  // namespace

int main(int argc, char** argv) {
  std::string mark;
  if (argc > 2 && std::string_view(argv[1]) == "--mark") {
    mark = argv[2];
    argc -= 2;
    argv += 2;
  }
  if (argc < 3) {
    std::fprintf(
        stderr,
        "usage: dbagent-extract [--mark FILE] tar|mbstream DIRECTORY [NAME...]\n"
        "       dbagent-extract file DIRECTORY NAME\n"
        "Unpacks the archive on its standard input; NAMEs at its top level are left out.\n"
        "DIRECTORY is made if it is missing. file: the input becomes DIRECTORY/NAME.\n"
        "--mark: FILE keeps how much of the archive is on the disk. A line on the standard output\n"
        "says which byte of the archive the input must begin with.\n"
        "Exit codes: 0 done; 1 refused, corrupt or failed (what and why on stderr); 2 usage.\n");
    return 2;
  }
  dbagent::helper::UnpackOptions options;
  for (int i = 3; i < argc; ++i) options.leave_out.insert(argv[i]);
  const dbagent::Status done = mark.empty() ? Extract(argv[1], argv[2], options)
                                            : ExtractFromMark(mark, argv[1], argv[2], options);
  if (done.ok()) return 0;
  std::fprintf(stderr, "%s: %s\n", done.reason().c_str(), done.FullMessage().c_str());
  return 1;
}
