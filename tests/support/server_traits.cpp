#include "tests/support/server_traits.h"

#include <cstdio>
#include <cstdlib>

#include "tests/support/arguments.h"
#include "tests/support/driver_table.h"

namespace dbagent::tests {

const ServerTraits& TheTraits() {
  static const ServerTraits* const traits = [] {
    const std::string& name = TheArguments().server;
    for (ServerTraits& candidate : DriverTable()) {
      if (candidate.name == name) return new ServerTraits(std::move(candidate));
    }
    std::fprintf(stderr, "no driver '%s' in this build: --server=mariadb|mysql|postgresql\n",
                 name.c_str());
    std::exit(2);
  }();
  return *traits;
}

}  // namespace dbagent::tests
