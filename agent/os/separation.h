#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "agent/base/result.h"
#include "agent/os/files.h"

// Where the agent and the server are two OS users, and root, in the helper, keeps them apart.
// Nothing here follows a symbolic link. Threads: any.
namespace dbagent::os {

struct OsUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// By name. NO_OS_USER.
Result<OsUser> FindOsUser(const std::string& name);

struct Separation {
  OsUser agent, server;
};

// While one lives this thread reaches files with that user's rights and no others (setfsuid(2)).
// Needs CAP_SETUID and CAP_SETGID. One at a time a thread. Without a user: nothing.
class ActAs {
 public:
  explicit ActAs(const std::optional<OsUser>& user);
  ~ActAs();
  ActAs(const ActAs&) = delete;
  ActAs& operator=(const ActAs&) = delete;

 private:
  const bool acts_;
};

struct DirectoryOwner {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0;
};

// Makes the directory where it is missing. One that is there is given to `owner` with all that is
// in it when it is another's (a volume of another machine, where users have other numbers, or of
// direct mode); it is the last to change hands, so that what was cut off is done again. The
// directory above must be root's. VOLUME_UNSAFE (FAILED_PRECONDITION): no directory; a file in it
// that has another name elsewhere, whoever's that is.
Status GiveDirectory(const Path& path, const DirectoryOwner& owner);

// Makes it where it is missing, and takes it; what is in it stays as it is.
Status MakeRootDirectory(const Path& path, mode_t mode);

// Fails, VOLUME_UNSAFE, unless this directory and all above it can be changed by root alone.
Status CheckOnlyRootChanges(const Path& path);

}  // namespace dbagent::os
