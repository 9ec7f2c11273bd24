#pragma once

#include <set>
#include <string>

#include "agent/base/result.h"
#include "agent/helper/beneath.h"
#include "agent/helper/unpack_mark.h"

// Archives of physical backups, from a descriptor into a directory. Bounded memory whatever the
// archive holds. What an archive of ours cannot hold is ARCHIVE_REFUSED (links, devices, names that
// lead out, a name twice); one that is cut or broken is ARCHIVE_CORRUPT (both DATA_LOSS).
namespace dbagent::helper {

struct UnpackOptions {
  std::set<std::string> leave_out;  // names at the top level that are not written, files or
                                    // directories with all below them
  UnpackMark* mark = nullptr;  // the input begins where it says; `into` writes over what is there
};

// POSIX tar as PostgreSQL's BASE_BACKUP and our own packer write it (ustar, pax, GNU long names).
Status UnpackTar(int fd, Beneath& into, const UnpackOptions& options);

// MariaDB's mbstream (xbstream version 1): chunks of several files interleaved, each
//   `XBSTCK01`, flags (1 byte), type (1 byte: P payload, E end of file), length of the name (4),
//   name; and for P: length of the payload (8), its offset in the file (8), its CRC-32 (4),
//   payload.
// Numbers are little endian. Source: extra/mariabackup/xbstream.h of MariaDB Server.
Status UnpackMbstream(int fd, Beneath& into, const UnpackOptions& options);

// All of the input as one new file; one of that name is replaced.
Status PutFile(int fd, Beneath& into, const std::string& name);

// Whether `name` is, or lies below, one of the names that are left out.
bool IsLeftOut(const std::string& name, const UnpackOptions& options);

}  // namespace dbagent::helper
