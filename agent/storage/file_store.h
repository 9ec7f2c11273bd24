#pragma once

#include <filesystem>
#include <memory>

#include "agent/storage/object_store.h"

namespace dbagent::storage {

// A directory as a store: an object is a file, `/` a folder (0700), files 0600. Written beside its
// place, fsynced, renamed without replacing, folder fsynced. Remove takes folders away that became
// empty.
std::unique_ptr<ObjectStore> MakeFileStore(std::filesystem::path root);

}  // namespace dbagent::storage
