#include "agent/telemetry/instruments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <list>
#include <mutex>
#include <sstream>

#include "agent/telemetry/metrics.h"

namespace dbagent::telemetry {
namespace {

// Never destroyed: threads may count until the process ends.
prometheus::Registry& TheRegistry() {
  static auto* const registry = new prometheus::Registry();
  return *registry;
}

std::string& Descriptions() {
  static auto* const text = new std::string();
  return *text;
}

struct Hooks {
  std::mutex mutex;
  std::list<std::function<void()>> all;
};
Hooks& TheHooks() {
  static auto* const hooks = new Hooks();
  return *hooks;
}

prometheus::Labels Pair(const std::vector<const char*>& names, LabelValues values) {
  prometheus::Labels labels;
  auto value = values.begin();
  for (const char* name : names) {
    if (value == values.end()) break;
    labels.emplace(name, *value++);
  }
  return labels;
}

}  // namespace

Instrument::Instrument(const char* type, const char* name, const char* help,
                       std::vector<const char*> labels)
    : labels_(std::move(labels)) {
  const std::string shown =
      labels_.empty() ? std::string() : fmt::format("{{{}}}", fmt::join(labels_, ","));
  Descriptions() += fmt::format("{}{} ({}): {}\n", name, shown, type, help);
}

Counter::Counter(const char* name, const char* help, std::vector<const char*> labels)
    : Instrument("counter", name, help, std::move(labels)),
      family_(prometheus::BuildCounter().Name(name).Help(help).Register(TheRegistry())) {}

void Counter::Add(double amount, LabelValues values) {
  family_.Add(Pair(labels_, values)).Increment(amount);
}

Counter::Cell Counter::Of(LabelValues values) {
  return Cell(family_.Add(Pair(labels_, values)));
}

void Counter::Cell::Add(double amount) {
  counter_.Increment(amount);
}

Gauge::Gauge(const char* name, const char* help, std::vector<const char*> labels)
    : Instrument("gauge", name, help, std::move(labels)),
      family_(prometheus::BuildGauge().Name(name).Help(help).Register(TheRegistry())) {}

void Gauge::Set(double value, LabelValues values) {
  family_.Add(Pair(labels_, values)).Set(value);
}

Histogram::Histogram(const char* name, const char* help, std::vector<const char*> labels,
                     std::vector<double> bounds)
    : Instrument("histogram", name, help, std::move(labels)),
      bounds_(std::move(bounds)),
      family_(prometheus::BuildHistogram().Name(name).Help(help).Register(TheRegistry())) {}

void Histogram::Observe(double value, LabelValues values) {
  family_.Add(Pair(labels_, values), bounds_).Observe(value);
}

std::shared_ptr<void> OnScrape(std::function<void()> set) {
  Hooks& hooks = TheHooks();
  const std::lock_guard lock(hooks.mutex);
  const auto at = hooks.all.insert(hooks.all.end(), std::move(set));
  return std::shared_ptr<void>(&*at, [at](void*) {
    Hooks& of = TheHooks();
    const std::lock_guard inner(of.mutex);
    of.all.erase(at);
  });
}

std::string RenderMetrics() {
  metrics();
  {
    Hooks& hooks = TheHooks();
    const std::lock_guard lock(hooks.mutex);
    for (const std::function<void()>& set : hooks.all) set();
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, TheRegistry().Collect());
  return text.str();
}

std::string DescribeMetrics() {
  metrics();
  return Descriptions();
}

}  // namespace dbagent::telemetry
