#include "agent/rpc/piece_reactor.h"
#include "agent/rpc/services.h"
#include "agent/workflows/backup_reading.h"
#include "agent/workflows/backups.h"
#include "dbagent/v1/backup.grpc.pb.h"

namespace dbagent::rpc {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using PieceStream = PieceReactor<v1::BackupPiece>;

// Each may keep a thread of the pool for as long as a store takes.
constexpr std::uint32_t kReadsAtOnce = 2;
constexpr std::string_view kRead = "BackupService/Read";

// A copy of a request for later; no credentials stay in the original. Nor in the copy when it goes.
std::shared_ptr<v1::ReadBackupRequest> Taken(const v1::ReadBackupRequest& request) {
  std::shared_ptr<v1::ReadBackupRequest> taken(new v1::ReadBackupRequest(request),
                                               [](v1::ReadBackupRequest* copy) {
                                                 WipeSecrets(*copy);
                                                 delete copy;
                                               });
  WipeSecrets(const_cast<v1::ReadBackupRequest&>(request));
  return taken;
}

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
  ServerUnaryReactor* RenewCredentials(CallbackServerContext* context,
                                       const v1::RenewCredentialsRequest* request,
                                       v1::Operation* response) override {
    return gate_.Unary<v1::RenewCredentialsRequest, v1::Operation>(
        context, "BackupService/RenewCredentials", request, response,
        [this](const auto& call, const auto& r) { return backups_.RenewCredentials(call, r); });
  }
  grpc::ServerWriteReactor<v1::BackupPiece>* Read(CallbackServerContext* context,
                                                  const v1::ReadBackupRequest* request) override {
    const std::shared_ptr<v1::ReadBackupRequest> taken = Taken(*request);
    workflows::Call call;
    Result<std::shared_ptr<Gate::Place>> place = gate_.Enter(*context, kRead, call);
    if (!place.ok()) {
      Gate::Count(kRead, place.status());
      return PieceStream::Refuse(gate_, place.status());
    }
    const auto audit = [caller = call.caller](const Status& outcome) {
      Gate::Count(kRead, outcome);
      Gate::Audit(kRead, caller, outcome, {});
    };
    const auto one_of_few = std::make_shared<Gate::Place>(reads_);
    if (reads_ > kReadsAtOnce) {
      const Status busy = Error(Code::kResourceExhausted, "TOO_BUSY",
                                "{} streams of backups are being read, the limit", kReadsAtOnce)
                              .WithHint("repeat the call when one of them has ended")
                              .AsRetryable();
      audit(busy);
      return PieceStream::Refuse(gate_, busy);
    }
    const auto stop = std::make_shared<StopSwitch>();
    const auto next = [this, stop, place = *place, one_of_few, request = taken,
                       reading = std::shared_ptr<workflows::BackupReading>()](
                          v1::BackupPiece& piece) mutable -> Result<bool> {
      // gRPC stops it at the caller's deadline
      const OpContext ctx(stop, Deadline::Never(), {}, nullptr);
      if (reading == nullptr) {
        Result<std::unique_ptr<workflows::BackupReading>> opened = backups_.Read(ctx, *request);
        WipeSecrets(*request);
        ASSIGN_OR_RETURN(reading, std::move(opened));
      }
      ASSIGN_OR_RETURN(*piece.mutable_data(), reading->Next(ctx));
      return !piece.data().empty();
    };
    PieceStream* const reactor = PieceStream::Make(gate_, stop, next, audit);
    reactor->Begin();
    return reactor;
  }

 private:
  Gate& gate_;
  workflows::Backups& backups_;
  std::atomic<std::uint32_t> reads_ = 0;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeBackupService(Gate& gate, const Workflows& workflows) {
  return std::make_unique<BackupServiceImpl>(gate, workflows.backups);
}

}  // namespace dbagent::rpc
