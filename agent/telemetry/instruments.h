#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// prometheus-cpp, which stays behind this header.
namespace prometheus {
template <typename T>
class Family;
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

// What metrics are made of. The metrics themselves stand in metrics.h, and nowhere else.
//
// The values of an instrument's labels are given in the order of its labels, all of them. Each
// combination lives as long as the process, so they come from small fixed sets: kinds, stages,
// names of the settings; never names of databases or users. Threads: any.
namespace dbagent::telemetry {

using LabelValues = std::initializer_list<std::string_view>;

class Instrument {
 public:
  Instrument(const Instrument&) = delete;
  Instrument& operator=(const Instrument&) = delete;

 protected:
  Instrument(const char* type, const char* name, const char* help, std::vector<const char*> labels);
  ~Instrument() = default;

  const std::vector<const char*> labels_;
};

// Grows only, from 0 at the process's start.
class Counter : public Instrument {
 public:
  Counter(const char* name, const char* help, std::vector<const char*> labels = {});
  void Add(double amount, LabelValues values = {});

  // The counter of one combination of labels, for what counts often.
  class Cell {
   public:
    explicit Cell(prometheus::Counter& counter) : counter_(counter) {}
    void Add(double amount);

   private:
    prometheus::Counter& counter_;
  };
  Cell Of(LabelValues values);

 private:
  prometheus::Family<prometheus::Counter>& family_;
};

// What something is now.
class Gauge : public Instrument {
 public:
  Gauge(const char* name, const char* help, std::vector<const char*> labels = {});
  void Set(double value, LabelValues values = {});

 private:
  prometheus::Family<prometheus::Gauge>& family_;
};

// How many were at most so large, for each of `bounds`.
class Histogram : public Instrument {
 public:
  Histogram(const char* name, const char* help, std::vector<const char*> labels,
            std::vector<double> bounds);
  void Observe(double value, LabelValues values = {});

 private:
  const std::vector<double> bounds_;
  prometheus::Family<prometheus::Histogram>& family_;
};

// `set` is called before each scrape, to set gauges that are cheaper to ask for than to keep; it
// must not block. It ends with the returned object, which waits for a scrape that is under way: do
// not let it go while holding what `set` locks.
std::shared_ptr<void> OnScrape(std::function<void()> set);

// All metrics that have a value, in Prometheus' text format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
std::string RenderMetrics();
// A line for each metric that there is: name, type, labels, help.
std::string DescribeMetrics();

}  // namespace dbagent::telemetry
