#include "agent/rpc/services.h"
#include "agent/workflows/backups.h"
#include "dbagent/v1/backup.grpc.pb.h"

namespace dbagent::rpc {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

class BackupServiceImpl : public v1::BackupService::CallbackService {
 public:
  BackupServiceImpl(Gate& gate, workflows::Backups& backups) : gate_(gate), backups_(backups) {}

  ServerUnaryReactor* Create(CallbackServerContext* context, const v1::CreateBackupRequest* request,
                             v1::Operation* response) override {
    return gate_.Unary<v1::CreateBackupRequest, v1::Operation>(
        context, "BackupService/Create", request, response,
        [this](const auto& call, const auto& r) { return backups_.Create(call, r); });
  }
  ServerUnaryReactor* Restore(CallbackServerContext* context,
                              const v1::RestoreBackupRequest* request,
                              v1::Operation* response) override {
    return gate_.Unary<v1::RestoreBackupRequest, v1::Operation>(
        context, "BackupService/Restore", request, response,
        [this](const auto& call, const auto& r) { return backups_.Restore(call, r); });
  }
  ServerUnaryReactor* Delete(CallbackServerContext* context, const v1::DeleteBackupRequest* request,
                             v1::Operation* response) override {
    return gate_.Unary<v1::DeleteBackupRequest, v1::Operation>(
        context, "BackupService/Delete", request, response,
        [this](const auto& call, const auto& r) { return backups_.Delete(call, r); });
  }
  ServerUnaryReactor* Verify(CallbackServerContext* context, const v1::VerifyBackupRequest* request,
                             v1::Operation* response) override {
    return gate_.Unary<v1::VerifyBackupRequest, v1::Operation>(
        context, "BackupService/Verify", request, response,
        [this](const auto& call, const auto& r) { return backups_.Verify(call, r); });
  }
  ServerUnaryReactor* Sweep(CallbackServerContext* context, const v1::SweepBackupsRequest* request,
                            v1::Operation* response) override {
    return gate_.Unary<v1::SweepBackupsRequest, v1::Operation>(
        context, "BackupService/Sweep", request, response,
        [this](const auto& call, const auto& r) { return backups_.Sweep(call, r); });
  }
  ServerUnaryReactor* Get(CallbackServerContext* context, const v1::GetBackupRequest* request,
                          v1::Backup* response) override {
    return gate_.Unary<v1::GetBackupRequest, v1::Backup>(
        context, "BackupService/Get", request, response,
        [this](const auto& call, const auto& r) { return backups_.Get(call, r); });
  }
  ServerUnaryReactor* List(CallbackServerContext* context, const v1::ListBackupsRequest* request,
                           v1::ListBackupsResponse* response) override {
    return gate_.Unary<v1::ListBackupsRequest, v1::ListBackupsResponse>(
        context, "BackupService/List", request, response,
        [this](const auto& call, const auto& r) { return backups_.List(call, r); });
  }

 private:
  Gate& gate_;
  workflows::Backups& backups_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeBackupService(Gate& gate, const Workflows& workflows) {
  return std::make_unique<BackupServiceImpl>(gate, workflows.backups);
}

}  // namespace dbagent::rpc
