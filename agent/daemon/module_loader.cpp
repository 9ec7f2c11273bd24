#include "agent/daemon/module_loader.h"

#include <dlfcn.h>

#include "agent/os/files.h"
#include "datastores/module.h"

namespace dbagent::daemon {
namespace {

constexpr std::string_view kPrefix = "datastore_", kSuffix = ".so";

std::string ModulesIn(const std::filesystem::path& directory) {
  std::string found;
  const Result<std::vector<std::string>> names = os::ListDirectory(directory);
  if (!names.ok()) return "the directory cannot be listed: " + names.status().message();
  for (const std::string& name : *names) {
    if (name.starts_with(kPrefix) && name.ends_with(kSuffix))
      found += (found.empty() ? "" : ", ") + name;
  }
  return found.empty() ? "no module is there" : "there: " + found;
}

Status CheckModule(const datastore::Module* module, const std::string& path,
                   const std::string& kind) {
  if (module == nullptr || module->magic != datastore::kModuleMagic) {
    return Error(Code::kFailedPrecondition, "MODULE_FOREIGN",
                 "unable to load module '{}': it is not a module of dbagentd", path);
  }
  if (module->contract_version != datastore::kContractVersion) {
    return Error(Code::kFailedPrecondition, "MODULE_INCOMPATIBLE",
                 "unable to load module '{}': it has contract version {}, this agent has {}", path,
                 module->contract_version, datastore::kContractVersion)
        .WithHint("install agent and modules from one release");
  }
  if (std::string_view(module->build_id) != DBAGENT_BUILD_ID) {
    return Error(Code::kFailedPrecondition, "MODULE_INCOMPATIBLE",
                 "unable to load module '{}': it is of build '{}', this agent of '{}'", path,
                 module->build_id, DBAGENT_BUILD_ID)
        .WithHint("install agent and modules from one release");
  }
  if (module->kind != kind) {
    return Error(Code::kFailedPrecondition, "MODULE_FOREIGN",
                 "unable to load module '{}': it is a driver for '{}'", path, module->kind);
  }
  return Ok();
}

}  // namespace

Result<std::unique_ptr<datastore::Driver>> LoadDriver(const std::filesystem::path& directory,
                                                      const std::string& kind) {
  const std::string path = directory / fmt::format("{}{}{}", kPrefix, kind, kSuffix);
  ASSIGN_OR_RETURN(const bool exists, os::Exists(path));
  if (!exists) {
    return Error(Code::kNotFound, "MODULE_NOT_FOUND",
                 "unable to load module '{}': there is no such file ({})", path,
                 ModulesIn(directory))
        .WithHint(fmt::format(
            "install the driver's package, or correct datastore.module_directory in the settings"));
  }
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return Error(Code::kFailedPrecondition, "MODULE_FOREIGN", "unable to load module '{}': {}",
                 path, dlerror())
        .WithHint("install agent and modules from one release");
  }
  using Entry = const datastore::Module* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(handle, datastore::kModuleSymbol));
  if (entry == nullptr) {
    return Error(Code::kFailedPrecondition, "MODULE_FOREIGN",
                 "unable to load module '{}': it is not a module of dbagentd ({})", path,
                 dlerror());
  }
  const datastore::Module* module = entry();
  RETURN_IF_ERROR(CheckModule(module, path, kind));
  return std::unique_ptr<datastore::Driver>(module->make_driver());
}

}  // namespace dbagent::daemon
