#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/base/bytes.h"
#include "agent/base/secret.h"
#include "agent/base/unique_fd.h"
#include "agent/ctl/session.h"
#include "agent/ctl/store_options.h"
#include "dbagent/v1/key.grpc.pb.h"

namespace dbagent::ctl {
namespace {

constexpr std::size_t kKeyBytes = 32;

// Never over a file that is there: it may be the only copy of a key.
Status Generate(const std::string& file) {
  const auto failed = [&](std::string_view verb) {
    const int error = errno;
    return Error(Code::kFailedPrecondition, "IO_ERROR", "unable to {} '{}': {}", verb, file,
                 std::strerror(error))
        .WithHint(error == EEXIST ? "name a file that is not there; keys are never overwritten"
                                  : "name a file in a directory that is there and that you may "
                                    "write to");
  };
  const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return failed("make");
  std::byte bytes[kKeyBytes];
  if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes))
    return failed("make a key for");
  std::string text = ToHex(bytes) + "\n";
  explicit_bzero(bytes, sizeof bytes);
  const ssize_t written = write(fd.get(), text.data(), text.size());
  const bool whole = written == static_cast<ssize_t>(text.size()) && fsync(fd.get()) == 0;
  Wipe(text);
  if (whole) return Ok();
  Status status = failed("write");
  unlink(file.c_str());
  return status;
}

}  // namespace

void AddKeyCommands(CLI::App& app, Session& session) {
  CLI::App* keys =
      app.add_subcommand("keys", "the keys that backups are encrypted with")->require_subcommand(1);
  auto file = std::make_shared<std::string>();
  CLI::App* generate = keys->add_subcommand(
      "generate",
      "write a new random key into a file of its own (0600), for encryption.keys in the settings. "
      "Keep a copy of it elsewhere: without it nobody can read the backups");
  generate->add_option("FILE", *file, "must not exist")->required();
  generate->callback([&session, file] { session.Succeeded(Generate(*file)); });

  keys->add_subcommand("list", "those of the agent's key ring, by id; the keys are never shown")
      ->callback([&session] {
        v1::ListKeysResponse answer;
        if (!session.Call<v1::KeyService>(&v1::KeyService::Stub::List, v1::ListKeysRequest(),
                                          answer))
          return;
        session.Show(answer, [&] {
          Table table({"ID", "ACTIVE", "FINGERPRINT"});
          for (const v1::Key& key : answer.keys())
            table.Add({key.id(), key.active() ? "yes" : "", key.fingerprint()});
          return table.ToString();
        });
      });

  auto ids = std::make_shared<std::vector<std::string>>();
  auto store = std::make_shared<StoreOptions>();
  CLI::App* rotate = keys->add_subcommand("rotate",
                                          "let the active key open the backups, and take the other "
                                          "keys from them; data is not touched");
  rotate->add_option("ID", *ids, "which backups; default: all of this instance");
  AddStoreOptions(*rotate, *store);
  rotate->callback([&session, ids, store] {
    v1::RotateKeysRequest request;
    request.set_request_id(session.RequestId());
    if (!session.Succeeded(SetStore(*store, request))) return;
    for (const std::string& id : *ids) request.add_backup_ids(id);
    v1::Operation operation;
    if (session.Call<v1::KeyService>(&v1::KeyService::Stub::Rotate, request, operation))
      session.Follow(operation);
  });
}

}  // namespace dbagent::ctl
