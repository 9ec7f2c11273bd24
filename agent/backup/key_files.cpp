#include "agent/backup/key_files.h"

namespace dbagent::backup {
Result<KeyRing> LoadKeyRing(const config::EncryptionSettings& settings) {
  std::map<std::string, Secret> keys;
  for (const config::KeySettings& key : settings.keys) {
    ASSIGN_OR_RETURN(const Secret text, config::ReadSecret(key.key));
    ASSIGN_OR_RETURN(Secret value, ParseKey(text.Reveal(), key.id));
    for (const auto& [id, other] : keys) {
      if (other == value) {
        return Error(Code::kInvalidArgument, "KEY_DUPLICATE", "keys '{}' and '{}' are the same", id,
                     key.id)
            .WithHint("a key has one id; make a new one with `dbagentctl keys generate FILE`");
      }
    }
    keys.emplace(key.id, std::move(value));
  }
  return KeyRing(std::move(keys), settings.active);
}

}  // namespace dbagent::backup
