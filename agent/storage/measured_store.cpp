#include "agent/storage/measured_store.h"

#include <type_traits>

#include "agent/telemetry/metrics.h"

namespace dbagent::storage {
namespace {

const Status& StatusOf(const Status& status) {
  return status;
}
template <typename T>
Status StatusOf(const Result<T>& result) {
  return result.status();
}

class MeasuredStore : public ObjectStore {
 public:
  MeasuredStore(std::unique_ptr<ObjectStore> store, std::string name)
      : store_(std::move(store)), name_(std::move(name)) {}

  Status Put(const OpContext& ctx, const std::string& name, const Content& content) override {
    return Sent(content.bytes, Measure("put", [&] { return store_->Put(ctx, name, content); }));
  }
  Status Replace(const OpContext& ctx, const std::string& name, Bytes content) override {
    return Sent(content, Measure("replace", [&] { return store_->Replace(ctx, name, content); }));
  }
  Result<std::vector<std::byte>> Get(const OpContext& ctx, const std::string& name,
                                     std::size_t limit) override {
    return Received(Measure("get", [&] { return store_->Get(ctx, name, limit); }));
  }
  Result<std::vector<std::byte>> GetStored(const OpContext& ctx, const std::string& name,
                                           std::size_t limit) override {
    return Received(Measure("get", [&] { return store_->GetStored(ctx, name, limit); }));
  }
  Result<bool> Exists(const OpContext& ctx, const std::string& name) override {
    return Measure("exists", [&] { return store_->Exists(ctx, name); });
  }
  Result<std::vector<Listed>> List(const OpContext& ctx, const std::string& prefix,
                                   const ListPage& page) override {
    return Measure("list", [&] { return store_->List(ctx, prefix, page); });
  }
  Status Remove(const OpContext& ctx, const std::string& name) override {
    return Measure("remove", [&] { return store_->Remove(ctx, name); });
  }
  Status RemoveAll(const OpContext& ctx, const std::vector<std::string>& names) override {
    return Measure("remove_all", [&] { return store_->RemoveAll(ctx, names); });
  }

 private:
  template <typename Do>
  std::invoke_result_t<const Do&> Measure(std::string_view verb, const Do& run) const {
    const SteadyTime begun = std::chrono::steady_clock::now();
    auto outcome = run();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    const Status status = StatusOf(outcome);
    telemetry::metrics().store_requests.Add(
        1, {name_, verb, status.ok() ? std::string_view("ok") : status.reason()});
    telemetry::metrics().store_seconds.Observe(took.count(), {name_, verb});
    return outcome;
  }
  Status Sent(Bytes content, Status stored) const {
    if (stored.ok())
      telemetry::metrics().store_sent.Add(static_cast<double>(content.size()), {name_});
    return stored;
  }

  Result<std::vector<std::byte>> Received(Result<std::vector<std::byte>> got) const {
    if (got.ok())
      telemetry::metrics().store_received.Add(static_cast<double>(got->size()), {name_});
    return got;
  }

  const std::unique_ptr<ObjectStore> store_;
  const std::string name_;
};

}  // namespace

std::unique_ptr<ObjectStore> MakeMeasuredStore(std::unique_ptr<ObjectStore> store,
                                               std::string name) {
  return std::make_unique<MeasuredStore>(std::move(store), std::move(name));
}

}  // namespace dbagent::storage
