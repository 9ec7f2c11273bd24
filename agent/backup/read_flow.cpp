#include "agent/backup/read_flow.h"

#include <algorithm>

namespace dbagent::backup {
namespace {

using Clock = std::chrono::steady_clock;

// A target that waited less than this share of its time was what the others waited for.
constexpr double kHardlyWaited = 0.1;

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Result<stream::BufferBudget::Share> ReadFlow::Reserve(const OpContext& ctx,
                                                      std::uint64_t stored_bytes,
                                                      std::uint64_t spare) {
  const SteadyTime begun = Clock::now();
  if (rate_ != nullptr) RETURN_IF_ERROR(rate_->Pass(ctx, stored_bytes));
  const SteadyTime passed = Clock::now();
  ASSIGN_OR_RETURN(stream::BufferBudget::Share share, budget_.Take(ctx, stored_bytes + spare));
  waited_for_rate_ += std::chrono::nanoseconds(passed - begun).count();
  download_.Take(0, Clock::now() - begun);
  return share;
}

Result<std::vector<std::byte>> ReadFlow::Download(const OpContext& ctx, const std::string& object,
                                                  std::uint64_t stored_bytes) {
  const SteadyTime begun = Clock::now();
  ASSIGN_OR_RETURN(std::vector<std::byte> stored, store_.GetStored(ctx, object, stored_bytes));
  download_.Take(stored.size(), {});
  download_.Worked(Clock::now() - begun);
  return stored;
}

std::vector<StageFigures> ReadFlow::Figures() const {
  std::vector<StageFigures> all;
  for (const stream::StageAccount* stage : {&download_, &check_, &decompress_, &target_}) {
    StageFigures figures = stage->figures();
    if (figures.bytes > 0) all.push_back(std::move(figures));
  }
  return all;
}

std::string ReadFlow::Bottleneck() const {
  if (Seconds(std::chrono::nanoseconds(waited_for_rate_)) > Seconds(Clock::now() - begun_) / 2)
    return "rate";
  const StageFigures target = target_.figures();
  if (target.bytes > 0 &&
      Seconds(target.waited) < kHardlyWaited * Seconds(target.waited + target.busy))
    return target.name;
  const std::vector<StageFigures> stages = {download_.figures(), check_.figures(),
                                            decompress_.figures()};
  return std::max_element(stages.begin(), stages.end(),
                          [](const auto& a, const auto& b) { return a.busy < b.busy; })
      ->name;
}

std::string ReadFlow::Report() const {
  std::string times;
  for (const StageFigures& stage : Figures())
    times +=
        fmt::format("{}{} {:.1f} s", times.empty() ? "" : ", ", stage.name, Seconds(stage.busy));
  return times.empty() ? times : fmt::format("bottleneck: {} ({})", Bottleneck(), times);
}

}  // namespace dbagent::backup
