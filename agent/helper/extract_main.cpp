// dbagent-extract FORMAT DIRECTORY [NAME…]: an archive from stdin into a directory, as the user who
// runs it. The host runs it as the datastore's user, who must own the files.
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "agent/helper/unpack.h"

namespace {

dbagent::Status Extract(const std::string& format, const std::string& directory,
                        const dbagent::helper::UnpackOptions& options) {
  using namespace dbagent;
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return os::ErrnoError("create directory", directory, errno);
  ASSIGN_OR_RETURN(helper::Beneath into, helper::Beneath::Open(directory));
  if (format == "tar") return helper::UnpackTar(0, into, options);
  if (format == "mbstream") return helper::UnpackMbstream(0, into, options);
  if (format == "file" && options.leave_out.size() == 1)
    return helper::PutFile(0, into, *options.leave_out.begin());
  return Error(Code::kInvalidArgument, "FORMAT_UNKNOWN", "unable to unpack: no format '{}'",
               format);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(
        stderr,
        "usage: dbagent-extract tar|mbstream DIRECTORY [NAME...]\n"
        "       dbagent-extract file DIRECTORY NAME\n"
        "Unpacks the archive on its standard input; NAMEs at its top level are left out.\n"
        "DIRECTORY is made if it is missing. file: the input becomes DIRECTORY/NAME.\n"
        "Exit codes: 0 done; 1 refused, corrupt or failed (what and why on stderr); 2 usage.\n");
    return 2;
  }
  dbagent::helper::UnpackOptions options;
  for (int i = 3; i < argc; ++i) options.leave_out.insert(argv[i]);
  const dbagent::Status done = Extract(argv[1], argv[2], options);
  if (done.ok()) return 0;
  std::fprintf(stderr, "%s: %s\n", done.reason().c_str(), done.FullMessage().c_str());
  return 1;
}
