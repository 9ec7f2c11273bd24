#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "agent/ctl/client.h"
#include "agent/ctl/output.h"
#include "dbagent/v1/operation.pb.h"

namespace dbagent::ctl {

// What every command works with: the global options, the channel, how answers are shown.
class Session {
 public:
  Target target;
  bool json = false;
  bool no_wait = false;    // return as soon as an operation is accepted
  std::string request_id;  // empty: a fresh one per call
  int exit_code = kDone;

  // The channel, made at first use. The command ends with an error when it cannot be made.
  std::shared_ptr<grpc::Channel> channel();
  std::string RequestId() const;

  // Calls `method` of `Service`'s stub; an error is shown, sets exit_code, and answers false.
  template <typename Service, typename Request, typename Response>
  bool Call(grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
            const Request& request, Response& response) {
    const auto open = channel();
    if (!open) return false;
    const auto stub = Service::NewStub(open);
    const auto context = QuickContext(target);
    return Succeeded(FromGrpc((stub.get()->*method)(context.get(), request, &response)));
  }
  bool Succeeded(const Status& status);

  // A List call for every page, joined in `all`; with --json a line per page is printed here.
  template <typename Service, typename Request, typename Response>
  bool CallEveryPage(grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                     Request request, Response& all) {
    do {
      Response page;
      if (!Call<Service>(method, request, page)) return false;
      if (json) std::fputs(ToJson(page).c_str(), stdout);
      request.mutable_page()->set_page_token(page.page().next_page_token());
      request.mutable_page()->clear_start_after();
      all.MergeFrom(page);
    } while (!request.page().page_token().empty());
    return true;
  }

  // The answer of a batch: a line for each item that was done, an error for each that was not.
  template <typename Response, typename Line>
  void ShowBatch(const Response& response, Line line) {
    if (json) std::fputs(ToJson(response).c_str(), stdout);
    for (const auto& item : response.items()) {
      if (item.has_error()) {
        ShowError(ItemError(item.error()), json);
        exit_code = kPartly;
      } else if (!json) {
        std::fputs((line(item) + "\n").c_str(), stdout);
      }
    }
  }

  // JSON as it came, or what `table` makes of it.
  void Show(const google::protobuf::Message& message,
            const std::function<std::string()>& table) const;
  // Follows an operation to its end (unless --no-wait), with a bar on a terminal and lines
  // elsewhere.
  void Follow(const v1::Operation& operation);

 private:
  std::shared_ptr<grpc::Channel> channel_;
};

// Each adds its commands to the program.
void AddInstanceCommands(CLI::App& app, Session& session);
void AddDatabaseCommands(CLI::App& app, Session& session);
void AddUserCommands(CLI::App& app, Session& session);
void AddGrantCommands(CLI::App& app, Session& session);
void AddOperationCommands(CLI::App& app, Session& session);
void AddBackupCommands(CLI::App& app, Session& session);
void AddKeyCommands(CLI::App& app, Session& session);
void AddConfigCommands(CLI::App& app, Session& session);
void AddCompletionCommand(CLI::App& app, Session& session);

}  // namespace dbagent::ctl
