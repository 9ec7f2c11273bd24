#include "agent/rpc/status.h"

#include "agent/base/redact.h"
#include "dbagent/v1/error.pb.h"

namespace dbagent::rpc {
namespace {

// What is wrong with one parameter of a configuration, among an error's fields.
constexpr std::string_view kViolation = "violation:";

void Attach(v1::RpcStatus& out, const char* type, const google::protobuf::Message& detail) {
  google::protobuf::Any& any = *out.add_details();
  any.set_type_url(std::string("type.googleapis.com/google.rpc.") + type);
  detail.SerializeToString(any.mutable_value());
}

}  // namespace

grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  v1::RpcStatus out;
  out.set_code(static_cast<std::int32_t>(status.code()));
  out.set_message(Redact(status.FullMessage()));
  v1::ErrorInfo info;
  info.set_reason(status.reason());
  info.set_domain("dbagent");
  v1::BadRequest bad;
  for (const auto& [key, value] : status.metadata()) {
    if (key.starts_with(kViolation)) {
      v1::BadRequest::FieldViolation& violation = *bad.add_field_violations();
      violation.set_field(fmt::format("values[{}]", key.substr(kViolation.size())));
      violation.set_description(Redact(value));
    } else {
      (*info.mutable_metadata())[key] = Redact(value);
    }
  }
  Attach(out, "ErrorInfo", info);
  if (bad.field_violations_size() > 0) Attach(out, "BadRequest", bad);
  if (!status.hint().empty()) {
    v1::LocalizedMessage hint;
    hint.set_locale("en");
    hint.set_message(Redact(status.hint()));
    Attach(out, "LocalizedMessage", hint);
  }
  if (status.retryable()) {
    v1::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(1);
    Attach(out, "RetryInfo", retry);
  }
  return {static_cast<grpc::StatusCode>(status.code()), out.message(), out.SerializeAsString()};
}

}  // namespace dbagent::rpc
