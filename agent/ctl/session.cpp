#include "agent/ctl/session.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "agent/base/ids.h"
#include "agent/ctl/progress.h"
#include "dbagent/v1/operation.grpc.pb.h"

namespace dbagent::ctl {
namespace {

// While it lives an interrupt (Ctrl-C) ends the program with `text`: what is followed runs in the
// agent, and goes on.
class InterruptHint {
 public:
  explicit InterruptHint(const std::string& text) {
    text_ = text;
    struct sigaction action {};
    action.sa_handler = [](int) {
      if (write(STDERR_FILENO, text_.data(), text_.size()) < 0) _exit(kInterrupted);
      _exit(kInterrupted);
    };
    sigaction(SIGINT, &action, &before_);
  }
  ~InterruptHint() { sigaction(SIGINT, &before_, nullptr); }
  InterruptHint(const InterruptHint&) = delete;
  InterruptHint& operator=(const InterruptHint&) = delete;

 private:
  static constexpr int kInterrupted = 130;  // as shells say it
  static inline std::string text_;
  struct sigaction before_ {};
};

std::string Notes(const v1::Operation& operation) {
  std::string text;
  for (const std::string& note : operation.notes()) text += note + "\n";
  return text;
}

}  // namespace

std::shared_ptr<grpc::Channel> Session::channel() {
  if (!channel_) {
    Result<std::shared_ptr<grpc::Channel>> made = Connect(target);
    if (Succeeded(made.status())) channel_ = *std::move(made);
  }
  return channel_;
}

std::string Session::RequestId() const {
  return request_id.empty() ? NewUuid() : request_id;
}

bool Session::Succeeded(const Status& status) {
  if (status.ok()) return true;
  exit_code = ShowError(status, json);
  return false;
}

void Session::Show(const google::protobuf::Message& message,
                   const std::function<std::string()>& table) const {
  std::fputs(json ? ToJson(message).c_str() : table().c_str(), stdout);
}

void Session::Follow(const v1::Operation& operation) {
  if (no_wait) {
    Show(operation, [&] {
      return fmt::format("operation {} ({}) accepted\n", operation.id(), operation.kind());
    });
    return;
  }
  const auto stub = v1::OperationService::NewStub(channel());
  grpc::ClientContext context;  // as long as it takes
  v1::WatchOperationRequest request;
  request.set_id(operation.id());
  const auto stream = stub->Watch(&context, request);
  const InterruptHint hint(
      fmt::format("\noperation {0} goes on; `dbagentctl operation watch {0}`, `dbagentctl "
                  "operation cancel {0}`\n",
                  operation.id()));
  ProgressView view(json);
  v1::Operation latest = operation;
  while (stream->Read(&latest)) view.Update(latest);
  view.End();
  if (!Succeeded(FromGrpc(stream->Finish()))) return;
  if (latest.state() == v1::SUCCEEDED) {
    Show(latest, [&] {
      return fmt::format("{} done{}\n", latest.kind(),
                         latest.backup_id().empty() ? "" : ", backup " + latest.backup_id()) +
             Notes(latest);
    });
    return;
  }
  std::fputs(json ? ToJson(latest).c_str() : Notes(latest).c_str(), stdout);
  ShowError(ItemError(latest.error()), json);
  exit_code = kOperationFailed;
}

}  // namespace dbagent::ctl
