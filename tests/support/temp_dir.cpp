#include "tests/support/temp_dir.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

namespace dbagent::tests {

TempDir::TempDir() {
  std::string form = "/tmp/dbagent.XXXXXX";
  if (mkdtemp(form.data()) == nullptr) {
    std::perror("mkdtemp");
    std::abort();
  }
  path_ = form;
}

TempDir::~TempDir() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error)
    std::fprintf(stderr, "unable to remove '%s': %s\n", path_.c_str(), error.message().c_str());
}

}  // namespace dbagent::tests
