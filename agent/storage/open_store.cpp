#include "agent/storage/open_store.h"

#include "agent/storage/file_store.h"
#include "agent/storage/http_store.h"
#include "agent/storage/s3_store.h"
#include "agent/storage/swift_store.h"

namespace dbagent::storage {
namespace {

HttpStoreSettings Transport(const config::StoreSettings& settings) {
  const config::StoreTransport& transport = settings.transport;
  HttpStoreSettings out;
  out.http.ca_file = transport.ca_file;
  out.http.ca_pem = transport.ca_pem;
  out.http.rules = transport.rules;
  out.http.proxy = transport.proxy;
  out.http.connect_timeout = transport.connect_timeout;
  out.http.stall_timeout = transport.stall_timeout;
  out.http.expect_continue = transport.expect_continue;
  out.retries.attempts = transport.attempts;
  out.retries.budget = transport.retry_budget;
  out.connections = transport.connections;
  out.prefix = settings.prefix;
  out.given = settings.given();
  return out;
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenStore(const config::StoreSettings& settings) {
  if (settings.kind == "file") return MakeFileStore(settings.path);
  HttpStoreSettings transport = Transport(settings);
  if (settings.kind == "s3") {
    ASSIGN_OR_RETURN(std::unique_ptr<Dialect> dialect, MakeS3Dialect(settings.s3));
    return MakeHttpStore(std::move(dialect), std::move(transport));
  }
  if (settings.kind == "swift") {
    // not as an argument beside the other, which might be moved away first
    std::unique_ptr<Dialect> dialect = MakeSwiftDialect(settings.swift, transport.http);
    return MakeHttpStore(std::move(dialect), std::move(transport));
  }
  return Error(Code::kInvalidArgument, "VALUE_INVALID", "a store cannot be of kind '{}'",
               settings.kind);
}

}  // namespace dbagent::storage
