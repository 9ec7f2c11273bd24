#include "agent/storage/http_store.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "agent/base/ids.h"
#include "agent/base/parallel.h"
#include "agent/storage/store_requests.h"

namespace dbagent::storage {
namespace {

constexpr std::string_view kProbe = ".dbagent-probe-";
// Of an own limit, so that a page of 4096 names is not a hundred requests and not one huge one.
constexpr std::size_t kListPart = 1000;
constexpr std::size_t kListBytes = 8U << 20U;
constexpr std::size_t kRemovesAtOnce = 8;
constexpr std::chrono::seconds kLimitsBudget{10};
// Of what should be there and is not: a backup of which much is truly gone must be told some day.
constexpr RetryPolicy kLag{.attempts = 5,
                           .budget = std::chrono::seconds(10),
                           .first = std::chrono::milliseconds(500),
                           .cap = std::chrono::seconds(4)};
// After every key that begins with a folder's name: U+10FFFF, the last character there is.
constexpr std::string_view kLast = "\xF4\x8F\xBF\xBF";

class HttpStore : public ObjectStore {
 public:
  HttpStore(std::unique_ptr<Dialect> dialect, HttpStoreSettings settings)
      : dialect_(std::move(dialect)),
        prefix_(std::move(settings.prefix)),
        requests_(*dialect_, settings) {}

  Status Put(const OpContext& ctx, const std::string& name, const Content& content) override {
    RETURN_IF_ERROR(CheckName(name));
    RETURN_IF_ERROR(ctx.Poll());
    ASSIGN_OR_RETURN(const Found found, Probe(ctx));
    RETURN_IF_ERROR(CheckSize(name, content.bytes, found));
    if (!found.heeds_conditions) {
      ASSIGN_OR_RETURN(const bool there, Exists(ctx, name));
      if (there) return ObjectExists(name);
    }
    const std::string id = NewUuid();
    Call call = PutCall(name, content.bytes);
    call.sha256 = content.sha256;
    if (found.heeds_conditions) call.headers.emplace_back("if-none-match", "*");
    call.headers.emplace_back(dialect_->metadata_header(), id);
    ASSIGN_OR_RETURN(const net::HttpResponse answer, requests_.Send(ctx, call));
    if (answer.status != 412) return Stored(name, answer);
    // there already: of an attempt of ours whose answer was lost, or somebody else's
    ASSIGN_OR_RETURN(const net::HttpResponse there,
                     requests_.Send(ctx, ObjectCall("HEAD", name, "look at")));
    return there.header(dialect_->metadata_header()) == id ? Ok() : ObjectExists(name);
  }

  Status Replace(const OpContext& ctx, const std::string& name, Bytes content) override {
    RETURN_IF_ERROR(CheckName(name));
    ASSIGN_OR_RETURN(const net::HttpResponse answer, requests_.Send(ctx, PutCall(name, content)));
    return Stored(name, answer);
  }

  Result<std::vector<std::byte>> Get(const OpContext& ctx, const std::string& name,
                                     std::size_t limit) override {
    RETURN_IF_ERROR(CheckName(name));
    Call call = ObjectCall("GET", name, "read");
    call.response_limit = limit;
    ASSIGN_OR_RETURN(net::HttpResponse answer, requests_.Send(ctx, std::move(call)));
    if (answer.status == 404)
      return Error(Code::kNotFound, "OBJECT_NOT_FOUND", "there is no object '{}' in {}", name,
                   dialect_->place());
    if (answer.status != 200) return Unexpected("read", name, answer);
    return std::move(answer.body);
  }

  Result<std::vector<std::byte>> GetStored(const OpContext& ctx, const std::string& name,
                                           std::size_t limit) override {
    Retries retries(kLag);
    for (;;) {
      Result<std::vector<std::byte>> got = Get(ctx, name, limit);
      if (got.ok() || got.status().reason() != "OBJECT_NOT_FOUND" || !dialect_->reads_may_lag())
        return got;
      RETURN_IF_ERROR(retries.Wait(ctx, std::move(got).status()));
    }
  }

  Result<bool> Exists(const OpContext& ctx, const std::string& name) override {
    RETURN_IF_ERROR(CheckName(name));
    ASSIGN_OR_RETURN(const net::HttpResponse answer,
                     requests_.Send(ctx, ObjectCall("HEAD", name, "look at")));
    return answer.status < 300;
  }

  Status Remove(const OpContext& ctx, const std::string& name) override {
    RETURN_IF_ERROR(CheckName(name));
    return requests_.Send(ctx, ObjectCall("DELETE", name, "remove")).status();  // 404 is fine
  }

  // By one request for many where the store has such; what that could not remove, and everything
  // on other stores, one by one, a few at a time.
  Status RemoveAll(const OpContext& ctx, const std::vector<std::string>& names) override {
    for (const std::string& name : names) RETURN_IF_ERROR(CheckName(name));
    std::vector<std::string> left;
    const std::size_t most = removes_many_ ? dialect_->most_removed_at_once() : 0;
    for (std::size_t at = 0; most > 0 && at < names.size(); at += most) {
      const std::size_t end = std::min(at + most, names.size());
      RETURN_IF_ERROR(RemoveMany(ctx,
                                 {names.begin() + static_cast<std::ptrdiff_t>(at),
                                  names.begin() + static_cast<std::ptrdiff_t>(end)},
                                 left));
    }
    const std::vector<std::string>& singly = most > 0 ? left : names;
    return ForEachParallel(
        ctx, singly.size(), kRemovesAtOnce,
        [&](const OpContext& each, std::size_t i) -> Status { return Remove(each, singly[i]); });
  }

  Result<std::vector<Listed>> List(const OpContext& ctx, const std::string& prefix,
                                   const ListPage& page) override {
    RETURN_IF_ERROR(ctx.Poll());
    ListAsked asked{.prefix = prefix_ + prefix};
    if (page.after > prefix) {
      asked.after = prefix_ + page.after;
      if (page.after.ends_with('/')) asked.after += kLast;  // what is in it was shown with it
    }
    std::vector<Listed> names;
    while (names.size() < page.limit) {
      asked.limit = std::min(kListPart, page.limit - names.size());
      Call call = dialect_->ListCall(asked);
      call.doing = fmt::format("list '{}'", prefix);
      call.response_limit = kListBytes;
      ASSIGN_OR_RETURN(const net::HttpResponse answer, requests_.Send(ctx, std::move(call)));
      if (answer.status == 404) return Unexpected("list", prefix, answer);
      ASSIGN_OR_RETURN(ListPart part, dialect_->ParseListing(answer));
      Take(part, prefix, page, names);
      if (!part.next) break;
      asked.next = *part.next;
    }
    return names;
  }

 private:
  // The part's names in order; of folders and objects of one part each is in order already, but
  // they come apart.
  void Take(ListPart& part, const std::string& prefix, const ListPage& page,
            std::vector<Listed>& names) const {
    const std::size_t before = names.size();
    for (Listed& entry : part.entries) {
      if (!entry.name.starts_with(prefix_ + prefix)) continue;
      entry.name.erase(0, prefix_.size());
      std::string own = entry.name.substr(prefix.size());
      if (own.ends_with('/')) own.pop_back();  // empty: the folder's own placeholder
      const bool stranger = own.find('/') != std::string::npos || own.starts_with(kProbe) ||
                            !CheckObjectName(own).ok();
      if (!stranger && entry.name > page.after) names.push_back(std::move(entry));
    }
    std::sort(names.begin() + static_cast<std::ptrdiff_t>(before), names.end(),
              [](const Listed& a, const Listed& b) { return a.name < b.name; });
  }

  Status CheckName(const std::string& name) const {
    RETURN_IF_ERROR(CheckObjectName(name));
    if (prefix_.size() + name.size() <= dialect_->longest_key()) return Ok();
    return Error(Code::kInvalidArgument, "NAME_INVALID",
                 "'{}' cannot name an object: with the store's prefix it has more than {} bytes",
                 name, dialect_->longest_key());
  }
  Call ObjectCall(const char* method, const std::string& name, const char* verb) const {
    return Call{.method = method,
                .key = prefix_ + name,
                .doing = fmt::format("{} object '{}'", verb, name)};
  }
  Call PutCall(const std::string& name, Bytes content) const {
    Call call = ObjectCall("PUT", name, "store");
    call.headers.emplace_back("content-type", "application/octet-stream");
    call.body = content;
    return call;
  }
  static Status ObjectExists(const std::string& name) {
    return Error(Code::kAlreadyExists, "OBJECT_EXISTS",
                 "unable to store object '{}': it exists already", name);
  }
  Status Unexpected(const char* verb, const std::string& name,
                    const net::HttpResponse& answer) const {
    return Error(Code::kFailedPrecondition, "STORE_REFUSED", "unable to {} '{}' in {}: HTTP {}",
                 verb, name, dialect_->place(), answer.status);
  }
  Status Stored(const std::string& name, const net::HttpResponse& answer) const {
    return answer.status < 300 ? Ok() : Unexpected("store", name, answer);
  }

  // What was found out of the store.
  struct Found {
    bool heeds_conditions = false;
    std::uint64_t largest_object = 0;  // 0: not known
  };

  // Threads that come while it is tried wait for the answer; an error is nobody's answer but the
  // next one's to try again.
  Result<Found> Probe(const OpContext& ctx) {
    std::unique_lock lock(probing_, std::defer_lock);
    while (!lock.try_lock_for(std::chrono::milliseconds(50))) RETURN_IF_ERROR(ctx.Poll());
    if (found_) return *found_;
    const std::string name = std::string(kProbe) + NewUuid();
    Call call = PutCall(name, {});
    call.headers.emplace_back("if-none-match", "*");
    Result<net::HttpResponse> answer = requests_.Send(ctx, call);
    if (answer.ok()) answer = requests_.Send(ctx, call);
    const bool unknown_there = !answer.ok() && answer.status().reason() == "STORE_REFUSED";
    if (!answer.ok() && !unknown_there) return answer.status();
    if (!unknown_there) {
      Remove(ctx, name).Ignore("it is empty, never listed, and in nobody's way");
    }
    Found found{answer.ok() && answer->status == 412, 0};
    found.largest_object = AskLargestObject(ctx);
    RETURN_IF_ERROR(ctx.Poll());
    found_ = found;
    return found;
  }

  // A service that does not tell its limits, or not soon, has none that are known.
  std::uint64_t AskLargestObject(const OpContext& ctx) {
    std::optional<Call> limits = dialect_->LimitsCall();
    if (!limits) return 0;
    limits->doing = "read the limits";
    const Result<net::HttpResponse> said =
        requests_.Send(ctx.WithBudget(kLimitsBudget), *std::move(limits));
    return said.ok() && said->status == 200 ? dialect_->LargestObject(*said) : 0;
  }

  Status CheckSize(const std::string& name, Bytes content, const Found& found) const {
    if (found.largest_object == 0 || content.size() <= found.largest_object) return Ok();
    return Error(
               Code::kFailedPrecondition, "STORE_REFUSED",
               "unable to store object '{}' in {}: it has {} bytes, the store takes objects of at "
               "most {}",
               name, dialect_->place(), content.size(), found.largest_object)
        .WithHint("set backup.chunk_size to less than that, or have the store's limit raised");
  }

  // `left` gets what must be removed one by one: all of it when the store does not know how.
  Status RemoveMany(const OpContext& ctx, const std::vector<std::string>& names,
                    std::vector<std::string>& left) {
    std::vector<std::string> keys;
    keys.reserve(names.size());
    for (const std::string& name : names) keys.push_back(prefix_ + name);
    const std::string body = dialect_->RemoveManyBody(keys);
    Call call = dialect_->RemoveManyCall();
    call.body = AsBytes(body);
    call.doing = fmt::format("remove {} objects", names.size());
    const Result<net::HttpResponse> answer = requests_.Send(ctx, std::move(call));
    const std::string_view reason = answer.ok() ? std::string_view() : answer.status().reason();
    if (reason == "STORE_REFUSED") removes_many_ = false;
    if (!answer.ok() && reason != "STORE_REFUSED" && reason != "PERMISSION_DENIED")
      return answer.status();
    std::optional<std::vector<std::string>> kept;
    if (answer.ok() && answer->status == 200) kept = dialect_->ParseKept(*answer);
    for (std::string& key : kept ? *kept : keys) {
      if (key.starts_with(prefix_)) left.push_back(key.substr(prefix_.size()));
    }
    return Ok();
  }

  const std::unique_ptr<Dialect> dialect_;
  const std::string prefix_;
  StoreRequests requests_;
  std::timed_mutex probing_;
  std::optional<Found> found_;
  std::atomic<bool> removes_many_ = true;  // until it refuses to
};

}  // namespace

std::unique_ptr<ObjectStore> MakeHttpStore(std::unique_ptr<Dialect> dialect,
                                           HttpStoreSettings settings) {
  return std::make_unique<HttpStore>(std::move(dialect), std::move(settings));
}

}  // namespace dbagent::storage
