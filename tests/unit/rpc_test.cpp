#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>

#include "agent/config/methods.h"
#include "agent/operations/record.h"
#include "agent/rpc/access.h"
#include "agent/rpc/status.h"
#include "dbagent/v1/backup.pb.h"
#include "dbagent/v1/configuration.pb.h"
#include "dbagent/v1/database.pb.h"
#include "dbagent/v1/error.pb.h"
#include "dbagent/v1/instance.pb.h"
#include "dbagent/v1/key.pb.h"
#include "dbagent/v1/operation.pb.h"
#include "dbagent/v1/user.pb.h"
#include "tests/support/status_matchers.h"

namespace dbagent::rpc {
namespace {

TEST(Methods, TheTableNamesExactlyTheMethodsOfTheServices) {
  std::set<std::string> declared, table;
  for (const auto* file :
       {v1::Instance::descriptor()->file(), v1::Database::descriptor()->file(),
        v1::User::descriptor()->file(), v1::Operation::descriptor()->file(),
        v1::Backup::descriptor()->file(), v1::Configuration::descriptor()->file(),
        v1::Key::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        declared.insert(file->service(s)->name() + "/" + file->service(s)->method(m)->name());
      }
    }
  }
  for (const config::Method& method : config::AllMethods()) table.insert(std::string(method.name));
  EXPECT_EQ(table, declared);
}

TEST(StatesOfTheWire, AreTheJournals) {
  EXPECT_EQ(static_cast<int>(v1::PENDING), static_cast<int>(operations::State::kPending));
  EXPECT_EQ(static_cast<int>(v1::INTERRUPTED), static_cast<int>(operations::State::kInterrupted));
  EXPECT_EQ(static_cast<int>(v1::CANCELLED), static_cast<int>(operations::State::kCancelled));
  EXPECT_EQ(static_cast<int>(v1::ORPHANED), static_cast<int>(operations::State::kOrphaned));
}

TEST(ToGrpc, CarriesReasonHintFieldsAndRetry) {
  const grpc::Status wire = ToGrpc(Error(Code::kAborted, "LOCK_HELD", "busy")
                                       .WithHint("wait")
                                       .WithField("operation", "x")
                                       .AsRetryable());
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::ABORTED);
  v1::RpcStatus details;
  ASSERT_TRUE(details.ParseFromString(wire.error_details()));
  ASSERT_EQ(details.details_size(), 3);
  v1::ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(details.details(0).value()));
  EXPECT_EQ(info.reason(), "LOCK_HELD");
  EXPECT_EQ(info.metadata().at("operation"), "x");
  EXPECT_EQ(details.details(1).type_url(), "type.googleapis.com/google.rpc.LocalizedMessage");
  EXPECT_EQ(details.details(2).type_url(), "type.googleapis.com/google.rpc.RetryInfo");
}

config::Settings TwoPeers() {
  config::Settings settings;
  settings.local.peers = {{1000, "admin"}, {1001, "ops"}};
  settings.roles = {{"admin", {"*"}}, {"ops", {"BackupService/*", "OperationService/Get"}}};
  return settings;
}

TEST(Access, TurnsAnUnknownUidAway) {
  const config::LiveSettings settings(TwoPeers());
  Access access(settings);
  EXPECT_FALSE(access.Admit(7, ucred{1, 999, 999}));
  EXPECT_EQ(tests::ReasonOf(access.Identify("fd:7", nullptr)), "CALLER_UNKNOWN");
  EXPECT_EQ(tests::ReasonOf(access.Identify("ipv4:127.0.0.1:1", nullptr)), "CALLER_UNKNOWN");
}

TEST(Access, AllowsByRoleMethodAndService) {
  const config::LiveSettings settings(TwoPeers());
  Access access(settings);
  ASSERT_TRUE(access.Admit(7, ucred{1, 1001, 1001}));
  ASSERT_OK_AND_ASSIGN(const Caller caller, access.Identify("fd:7", nullptr));
  EXPECT_EQ(caller.role, "ops");
  EXPECT_OK(access.Allow(caller, "BackupService/Create"));
  EXPECT_OK(access.Allow(caller, "OperationService/Get"));
  EXPECT_EQ(tests::ReasonOf(access.Allow(caller, "OperationService/List")), "METHOD_NOT_ALLOWED");
}

TEST(Access, KnowsTheNewPeerOfAReusedDescriptor) {
  const config::LiveSettings settings(TwoPeers());
  Access access(settings);
  ASSERT_TRUE(access.Admit(7, ucred{1, 1001, 1001}));
  ASSERT_TRUE(access.Admit(7, ucred{1, 1000, 1000}));
  ASSERT_OK_AND_ASSIGN(const Caller caller, access.Identify("fd:7", nullptr));
  EXPECT_EQ(caller.role, "admin");
}

}  // namespace
}  // namespace dbagent::rpc
