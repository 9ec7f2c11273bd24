#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>

#include "tests/contract/text_streams.h"
#include "tests/support/real_server.h"
#include "tests/support/status_matchers.h"

namespace dbagent::tests {

// The archives of a physical backup, in memory. `on_write` is called before each piece is taken.
class KeptArchives : public datastore::ArchiveWriter, public stream::Sink {
 public:
  std::vector<std::pair<std::string, std::string>> archives;  // name, content
  std::function<void()> on_write = [] {};

  Result<stream::Sink*> Begin(const OpContext& ctx, const std::string& name) override {
    RETURN_IF_ERROR(ctx.Poll());
    archives.emplace_back(name, "");
    return static_cast<stream::Sink*>(this);
  }
  Status Write(const OpContext& ctx, Bytes data) override {
    on_write();
    RETURN_IF_ERROR(ctx.Poll());
    archives.back().second += AsText(data);
    return Ok();
  }
};

// A server of the suite's own, since tests replace its files; each begins with an empty database
// `shop` and a root.
class PhysicalTest : public testing::Test {
 protected:
  static void TearDownTestSuite() { the_server_.reset(); }
  void SetUp() override {
    if (!the_server_) {
      the_server_ = std::make_unique<RealServer>();
      ASSERT_OK(the_server_->Prepare());
    }
    ASSERT_OK(server().store().root()->Enable(ctx(), Secret("root's own")));
    datastore::DatabaseSpec shop;
    shop.name = "shop";
    ASSERT_OK(server().store().databases()->Drop(ctx(), shop.name));
    ASSERT_OK(server().store().databases()->Create(ctx(), shop));
  }
  void TearDown() override {
    const os::Volume& volume = server().settings().volume;
    ASSERT_OK_AND_ASSIGN(const auto current, volume.CurrentNumber());
    ASSERT_OK_AND_ASSIGN(const auto numbers, volume.Numbers());
    for (const std::uint64_t number : numbers) {
      if (number != current) {
        EXPECT_OK(server().host().RemoveGeneration(number));
      }
    }
  }

  static RealServer& server() { return *the_server_; }
  OpContext ctx() const { return OpContext().WithBudget(std::chrono::minutes(2)); }
  datastore::PhysicalBackup& engine() { return *server().store().physical_backup(); }
  bool mariadb() const { return TheTraits().name == "mariadb"; }
  bool mysql() const { return TheTraits().name == "mysql"; }
  os::Path staging() const {
    const os::Volume& volume = server().settings().volume;
    const auto current = volume.CurrentNumber();
    EXPECT_OK(current);
    return volume.generation(current.ok() ? current->value_or(0) : 0).tmp / "dbagent-staging";
  }

  std::unique_ptr<ClientSession> Root() {
    auto session = server().LogIn({"root", Secret("root's own"), "shop"});
    EXPECT_OK(session);
    return session.ok() ? *std::move(session) : nullptr;
  }
  ClientSession::Table Ask(const std::string& sql) {
    const auto session = Root();
    if (session == nullptr) return {};
    auto rows = session->Query(sql);
    EXPECT_OK(rows) << sql;
    return rows.ok() ? *std::move(rows) : ClientSession::Table();
  }
  void Run(const std::vector<std::string>& statements) {
    const auto session = Root();
    ASSERT_NE(session, nullptr);
    for (const std::string& sql : statements) ASSERT_OK(session->Query(sql)) << sql;
  }

  // Into a new generation; nothing runs on it yet.
  Status UnpackAll(const os::Generation& generation, const KeptArchives& kept,
                   const std::map<std::string, std::string>& notes) {
    datastore::UnpackSpec spec{generation, "", notes};
    for (const auto& [name, content] : kept.archives) {
      spec.archive = name;
      TextSource source(content);
      RETURN_IF_ERROR(engine().Unpack(ctx(), spec, source));
    }
    return engine().Complete(ctx(), spec);
  }
  Status SwitchTo(const os::Generation& generation) {
    RETURN_IF_ERROR(server().store().server()->Stop(ctx()));
    RETURN_IF_ERROR(server().host().SwitchGeneration(generation.number));
    return server().store().server()->Start(ctx());
  }
  Status Restore(const KeptArchives& kept, const datastore::PhysicalFacts& facts) {
    ASSIGN_OR_RETURN(const os::Generation generation, server().host().MakeGeneration());
    RETURN_IF_ERROR(UnpackAll(generation, kept, facts.notes));
    RETURN_IF_ERROR(SwitchTo(generation));
    return engine().Settle(ctx());
  }

  static inline std::unique_ptr<RealServer> the_server_;
};

}  // namespace dbagent::tests
