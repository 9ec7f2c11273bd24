#pragma once

#include <cstdint>

#include "datastores/datastore.h"

// What a driver module (`datastore_<kind>.so`) exports: one C symbol, `dbagent_datastore_module`,
// that answers this table. The first three fields never move, so that a module of another contract
// can be read far enough to be refused.
namespace dbagent::datastore {

inline constexpr std::uint32_t kModuleMagic = 0x64626167;  // "dbag"
inline constexpr std::uint32_t kContractVersion =
    6;  // raised with every change of the contract's headers

// C++ types cross this border, so both sides must come from one build: release, compiler and the
// options that change layouts.
#ifdef DBAGENT_CHECKED
#define DBAGENT_BUILD_CHECKED "checked"
#else
#define DBAGENT_BUILD_CHECKED "plain"
#endif
#define DBAGENT_BUILD_ID DBAGENT_VERSION " gcc " __VERSION__ " " DBAGENT_BUILD_CHECKED

struct Module {
  std::uint32_t magic;
  std::uint32_t contract_version;
  const char* build_id;
  const char* kind;  // `mysql`
  Driver* (*make_driver)();
};

inline constexpr const char* kModuleSymbol = "dbagent_datastore_module";

}  // namespace dbagent::datastore
