#pragma once

#include "agent/backup/key_ring.h"
#include "agent/config/settings.h"

namespace dbagent::backup {

// The keys that the settings name, read from their files or systemd credentials. Any that cannot be
// read is an error: SECRET_UNREADABLE, KEY_INVALID, KEY_DUPLICATE (two ids for the same key).
Result<KeyRing> LoadKeyRing(const config::EncryptionSettings& settings);

}  // namespace dbagent::backup
