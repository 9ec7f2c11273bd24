#include "agent/storage/open_store.h"

#include "agent/storage/file_store.h"
#include "agent/storage/http_store.h"
#include "agent/storage/measured_store.h"
#include "agent/storage/s3_store.h"
#include "agent/storage/swift_store.h"

namespace dbagent::storage {
namespace {

// As metrics have it. Stores that requests bring are one to them: there may be any number.
std::string NameOf(const config::StoreSettings& settings) {
  return settings.given() ? "request" : settings.name;
}

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
  out.name = NameOf(settings);
  return out;
}

Result<std::unique_ptr<ObjectStore>> OpenPlain(const config::StoreSettings& settings) {
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

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenStore(const config::StoreSettings& settings) {
  ASSIGN_OR_RETURN(std::unique_ptr<ObjectStore> store, OpenPlain(settings));
  return MakeMeasuredStore(std::move(store), NameOf(settings));
}

}  // namespace dbagent::storage
