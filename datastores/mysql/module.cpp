#include "datastores/module.h"

#include "datastores/mysql/driver.h"

extern "C" __attribute__((visibility("default"))) const dbagent::datastore::Module*
dbagent_datastore_module() {
  static const dbagent::datastore::Module module = {
      dbagent::datastore::kModuleMagic, dbagent::datastore::kContractVersion, DBAGENT_BUILD_ID,
      "mysql", [] { return dbagent::datastore::mysql::MakeDriver().release(); }};
  return &module;
}
