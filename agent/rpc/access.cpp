#include "agent/rpc/access.h"

#include <grpcpp/security/auth_context.h>
#include <pwd.h>

#include <algorithm>
#include <charconv>

namespace dbagent::rpc {
namespace {

std::string NameOfUid(uid_t uid) {
  char buffer[4096];
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(uid, &entry, buffer, sizeof buffer, &found);
  return found == nullptr ? fmt::format("uid:{}", uid)
                          : fmt::format("uid:{} ({})", uid, found->pw_name);
}

bool Matches(std::string_view pattern, std::string_view method) {
  if (pattern == "*" || pattern == method) return true;
  return pattern.ends_with("/*") && method.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

bool Access::Admit(int fd, const ucred& peer) {
  const auto settings = settings_.Get();
  const auto& peers = settings->local.peers;
  const bool known = std::any_of(peers.begin(), peers.end(),
                                 [&](const config::LocalPeer& p) { return p.uid == peer.uid; });
  if (!known) return false;
  const std::lock_guard lock(mutex_);
  local_peers_[fd] = peer;
  return true;
}

Result<Caller> Access::Identify(const std::string& peer, const grpc::AuthContext* auth) const {
  static constexpr std::string_view kFd = "fd:";
  const auto settings = settings_.Get();
  int fd = -1;
  if (peer.starts_with(kFd) &&
      std::from_chars(peer.data() + kFd.size(), peer.data() + peer.size(), fd).ptr ==
          peer.data() + peer.size()) {
    ucred credentials{};
    {
      const std::lock_guard lock(mutex_);
      const auto found = local_peers_.find(fd);
      if (found == local_peers_.end()) {
        return Error(Code::kUnauthenticated, "CALLER_UNKNOWN", "unable to tell who calls over '{}'",
                     peer);
      }
      credentials = found->second;
    }
    for (const config::LocalPeer& known : settings->local.peers) {
      if (known.uid == credentials.uid) return Caller{NameOfUid(credentials.uid), known.role};
    }
  }
  if (settings->remote && auth != nullptr && auth->IsPeerAuthenticated()) {
    for (const char* property : {"peer_dns", "peer_uri", "peer_ip"}) {
      for (const grpc::string_ref& value : auth->FindPropertyValues(property)) {
        const std::string san(value.data(), value.size());
        for (const config::RemotePeer& known : settings->remote->peers) {
          if (known.san == san) return Caller{"san:" + san, known.role};
        }
      }
    }
  }
  return Error(Code::kUnauthenticated, "CALLER_UNKNOWN",
               "the caller is nobody that the settings know")
      .WithHint("list it under local.peers (OS user) or remote.peers (the certificate's SAN)");
}

Status Access::Allow(const Caller& caller, std::string_view method) const {
  const auto settings = settings_.Get();
  const auto role = settings->roles.find(caller.role);
  if (role != settings->roles.end() &&
      std::any_of(role->second.begin(), role->second.end(),
                  [&](const std::string& pattern) { return Matches(pattern, method); })) {
    return Ok();
  }
  return Error(Code::kPermissionDenied, "METHOD_NOT_ALLOWED",
               "{} has role '{}', which may not call {}", caller.name, caller.role, method)
      .WithHint("give it another role, or the role that method, in the agent's settings");
}

}  // namespace dbagent::rpc
