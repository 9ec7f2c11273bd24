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

// A server of its own for each test, with database `shop` and a root, since each replaces its
// files.
class PhysicalTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(server_.Prepare());
    ASSERT_OK(server_.store().root()->Enable(ctx(), Secret("root's own")));
    datastore::DatabaseSpec shop;
    shop.name = "shop";
    ASSERT_OK(server_.store().databases()->Create(ctx(), shop));
  }

  OpContext ctx() const { return OpContext().WithBudget(std::chrono::minutes(2)); }
  datastore::PhysicalBackup& engine() { return *server_.store().physical_backup(); }
  bool mariadb() const { return TheTraits().name == "mariadb"; }
  bool mysql() const { return TheTraits().name == "mysql"; }
  os::Path staging() const { return server_.settings().volume.agent() / "staging"; }

  std::unique_ptr<ClientSession> Root() {
    auto session = server_.LogIn({"root", Secret("root's own"), "shop"});
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
    RETURN_IF_ERROR(server_.store().server()->Stop(ctx()));
    RETURN_IF_ERROR(server_.host().SwitchGeneration(generation.number));
    return server_.store().server()->Start(ctx());
  }
  Status Restore(const KeptArchives& kept, const datastore::PhysicalFacts& facts) {
    ASSIGN_OR_RETURN(const os::Generation generation, server_.host().MakeGeneration());
    RETURN_IF_ERROR(UnpackAll(generation, kept, facts.notes));
    RETURN_IF_ERROR(SwitchTo(generation));
    return engine().Settle(ctx());
  }

  RealServer server_;
};

}  // namespace dbagent::tests
