// A driver module of another contract, for the test that it is refused.
#include "datastores/module.h"

extern "C" __attribute__((visibility("default"))) const dbagent::datastore::Module*
dbagent_datastore_module() {
  static const dbagent::datastore::Module module = {
      dbagent::datastore::kModuleMagic, dbagent::datastore::kContractVersion - 1, "an older build",
      "mysql", []() -> dbagent::datastore::Driver* { return nullptr; }};
  return &module;
}
