#include "agent/storage/store_requests.h"

#include <atomic>
#include <optional>

#include "agent/telemetry/metrics.h"

namespace dbagent::storage {
namespace {

constexpr int kLessons = 4;  // of one call: the clock, the region, new credentials, a new token

// Errors of the HTTP client in a store's words.
Status OfStore(Status problem) {
  const std::string& reason = problem.reason();
  if (reason == "HOST_UNREACHABLE" || reason == "CONNECTION_LOST" || reason == "STALLED" ||
      reason == "ANSWER_LOST") {
    return Error(Code::kUnavailable, "STORE_UNAVAILABLE", "{}", problem.FullMessage())
        .AsRetryable();
  }
  if (reason == "RESPONSE_TOO_LARGE")
    return Error(Code::kOutOfRange, "OBJECT_TOO_LARGE", "{}", problem.FullMessage());
  if (reason == "TLS_REFUSED") {
    return std::move(problem).WithHint(
        "the store's certificate must be signed by an authority that the system trusts or that "
        "the store's ca_file names, and be for the host of its address");
  }
  return problem;
}

bool WorthAnotherTry(const Status& problem) {
  return problem.retryable() && problem.reason() != "AGENT_STOPPING";
}

}  // namespace

StoreRequests::StoreRequests(Dialect& dialect, const HttpStoreSettings& settings)
    : dialect_(dialect),
      name_(settings.name),
      client_(settings.http),
      retries_(settings.retries),
      gate_(settings.connections),
      given_(settings.given) {
  ShowLimit();
}

void StoreRequests::ShowLimit() const {
  telemetry::metrics().store_concurrency.Set(gate_.window(), {name_});
}

StoreRequests::Outcome StoreRequests::Attempt(const OpContext& ctx, Call& call) {
  Result<CongestionGate::Permit> permit = gate_.Enter(ctx);
  if (!permit.ok()) return {{Next::kFail, std::move(permit).status()}, {}};
  Result<net::HttpRequest> request = dialect_.Authorise(ctx, call);
  Result<net::HttpResponse> response =
      request.ok() ? client_.Do(ctx, *request) : Result<net::HttpResponse>(request.status());
  if (!response.ok()) {
    const bool answer_lost = response.status().reason() == "ANSWER_LOST";
    Status problem = OfStore(std::move(response).status());
    const bool again = WorthAnotherTry(problem) && !answer_lost;
    return {{again ? Next::kRetry : Next::kFail, std::move(problem)}, {}};
  }
  Verdict verdict = dialect_.Judge(ctx, call, *response);
  if (verdict.next == Next::kSlower) permit->TooMany();
  if (verdict.next == Next::kDone) permit->WentWell();
  ShowLimit();
  return {std::move(verdict), *std::move(response)};
}

// Whether the request is worth another try, since its operation was given other credentials than
// those that were refused. Waits for them.
bool StoreRequests::OthersCame(const OpContext& ctx, const Status& problem,
                               std::uint64_t seen) const {
  return given_ && IsRefusal(problem) && given_->WaitForRenewal(ctx, seen, retries_.budget);
}

Status StoreRequests::Failed(const Call& call, Status problem) const {
  if (problem.reason() == "CANCELLED" || problem.reason() == "DEADLINE_EXCEEDED" ||
      problem.reason() == "AGENT_STOPPING")
    return problem;
  if (given_ && problem.reason() == "CREDENTIALS_REFUSED") {
    problem = std::move(problem).WithHint(
        "the credentials came with the request: send others with it, or to its operation by "
        "RenewCredentials");
  }
  return std::move(problem).Wrap(fmt::format("unable to {} in {}", call.doing, dialect_.place()));
}

Result<net::HttpResponse> StoreRequests::Send(const OpContext& ctx, Call call) {
  RETURN_IF_ERROR(ctx.Poll());
  dialect_.Seal(call);
  std::optional<Retries> retries(retries_);
  bool made_place = false;
  for (int lessons = 0;;) {
    const std::uint64_t renewals = given_ ? given_->renewals() : 0;
    Outcome outcome = Attempt(ctx, call);
    Verdict& verdict = outcome.verdict;
    if (verdict.next == Next::kDone && outcome.response.status == 404 && !call.key.empty() &&
        !place_seen_) {
      ASSIGN_OR_RETURN(const bool there, PlaceIsThere(ctx));
      if (!there) {
        verdict = {Next::kNoPlace, Error(Code::kFailedPrecondition, "CONTAINER_NOT_FOUND",
                                         "{} does not exist", dialect_.place())};
      }
    }
    if (verdict.next == Next::kNoPlace && !made_place) {
      if (std::optional<Call> create = dialect_.CreatePlace()) {
        made_place = true;
        verdict.problem->Ignore("it is made now");
        RETURN_IF_ERROR(Send(ctx, *std::move(create)).status());
        continue;
      }
    }
    switch (verdict.next) {
      case Next::kDone:
        if (outcome.response.status < 300) place_seen_ = true;
        return std::move(outcome.response);
      case Next::kAgain:
        if (++lessons <= kLessons) continue;
        return Failed(call, Error(Code::kFailedPrecondition, "STORE_REFUSED",
                                  "the store asks for something else each time"));
      case Next::kRetry:
      case Next::kSlower: {
        const std::string why = verdict.problem->reason();
        Status waited = retries->Wait(ctx, *std::move(verdict.problem),
                                      ParseRetryAfter(outcome.response.header("retry-after")));
        if (!waited.ok()) return Failed(call, std::move(waited));
        telemetry::metrics().store_retries.Add(
            1, {name_, verdict.next == Next::kSlower ? "TOO_MANY_REQUESTS" : why});
        continue;
      }
      case Next::kNoPlace:
      case Next::kFail:
        if (OthersCame(ctx, *verdict.problem, renewals)) {
          call.renewed = false;
          lessons = 0;
          retries.emplace(retries_);
          continue;
        }
        if (given_) RETURN_IF_ERROR(ctx.Poll());  // it waited
        return Failed(call, *std::move(verdict.problem));
    }
  }
}

// A 404 of HEAD (and of Swift, always) does not tell whether the object or all of its place is
// missing. Credentials that may not look at the place know no better.
Result<bool> StoreRequests::PlaceIsThere(const OpContext& ctx) {
  Call look{.method = "HEAD", .doing = "look"};
  const Result<net::HttpResponse> answer = Send(ctx, look);
  if (!answer.ok()) {
    if (answer.status().reason() != "PERMISSION_DENIED") return answer.status();
    place_seen_ = true;
    return true;
  }
  return answer->status != 404;
}

}  // namespace dbagent::storage
