#include "agent/operations/record.h"

#include "agent/base/redact.h"

namespace dbagent::operations {

StoredError StoredError::From(const Status& status) {
  return {status.code(),         status.reason(),    Redact(status.FullMessage()),
          Redact(status.hint()), status.retryable(), status.metadata()};
}

Status StoredError::ToStatus() const {
  if (code == Code::kOk) return Ok();
  Status status = Status(code, reason, message).WithHint(hint);
  for (const auto& [key, value] : metadata) status = std::move(status).WithField(key, value);
  return retryable ? std::move(status).AsRetryable() : status;
}

}  // namespace dbagent::operations
