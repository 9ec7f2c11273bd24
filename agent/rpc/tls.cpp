#include "agent/rpc/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/os/files.h"

namespace dbagent::rpc {
namespace {
constexpr unsigned kReloadSeconds = 600;
}

void DisableOldTls() {
  setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-PSK-AES256-CBC-SHA384", 1);
}

Result<std::shared_ptr<grpc::ServerCredentials>> MakeTlsCredentials(
    const config::RemoteListener& settings) {
  for (const config::Path& file : {settings.certificate, settings.key, settings.client_ca}) {
    if (access(file.c_str(), R_OK) != 0) {
      const int error = errno;
      return os::ErrnoError("read the TLS file", file, error)
          .WithHint("see remote in the settings; the file must be readable by the agent's user");
    }
  }
  auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      settings.key.native(), settings.certificate.native(), settings.client_ca.native(),
      kReloadSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace dbagent::rpc
