#include "agent/ctl/client.h"

#include <grpcpp/security/credentials.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "dbagent/v1/error.pb.h"

namespace dbagent::ctl {
namespace {

Result<std::string> ReadPem(const std::string& path, std::string_view option) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file || text.str().empty()) {
    return Error(Code::kInvalidArgument, "FILE_UNREADABLE", "unable to read '{}' ({}): {}", path,
                 option, std::strerror(errno));
  }
  return text.str();
}

}  // namespace

Result<std::shared_ptr<grpc::Channel>> Connect(const Target& target) {
  if (target.address.empty()) {
    return grpc::CreateChannel("unix:" + target.socket, grpc::InsecureChannelCredentials());
  }
  grpc::SslCredentialsOptions tls;
  ASSIGN_OR_RETURN(tls.pem_root_certs, ReadPem(target.ca, "--ca"));
  ASSIGN_OR_RETURN(tls.pem_cert_chain, ReadPem(target.certificate, "--certificate"));
  ASSIGN_OR_RETURN(tls.pem_private_key, ReadPem(target.key, "--key"));
  grpc::ChannelArguments arguments;
  if (!target.server_name.empty()) arguments.SetSslTargetNameOverride(target.server_name);
  return grpc::CreateCustomChannel(target.address, grpc::SslCredentials(tls), arguments);
}

std::unique_ptr<grpc::ClientContext> QuickContext(const Target& target) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + target.timeout);
  return context;
}

Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return Ok();
  v1::RpcStatus details;
  std::string reason, hint;
  v1::ErrorInfo info;
  bool retryable = false;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : details.details()) {
      v1::LocalizedMessage text;
      if (any.type_url().ends_with("/google.rpc.ErrorInfo") && info.ParseFromString(any.value()))
        reason = info.reason();
      if (any.type_url().ends_with("/google.rpc.LocalizedMessage") &&
          text.ParseFromString(any.value()))
        hint = text.message();
      if (any.type_url().ends_with("/google.rpc.RetryInfo")) retryable = true;
    }
  }
  if (reason.empty() && status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    reason = "AGENT_UNREACHABLE";
    hint =
        "is dbagentd running, is this its address, and may your user talk to it (local.peers, "
        "remote.peers in its settings)?";
  }
  Status error =
      Status(static_cast<Code>(status.error_code()), reason, status.error_message()).WithHint(hint);
  for (const auto& [key, value] : info.metadata()) error = std::move(error).WithField(key, value);
  return retryable ? std::move(error).AsRetryable() : error;
}

}  // namespace dbagent::ctl
