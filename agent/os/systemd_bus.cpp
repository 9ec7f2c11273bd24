#include "agent/os/systemd_bus.h"

#include <systemd/sd-bus.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace dbagent::os {
namespace {

// PID 1's own, which works without a message bus and for root only.
constexpr const char* kAddress = "unix:path=/run/systemd/private";
constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr const char* kServiceUnit = "org.freedesktop.systemd1.Service";
constexpr std::uint64_t kCallMicroseconds = 25'000'000;

struct BusError {
  sd_bus_error raw{};
  ~BusError() { sd_bus_error_free(&raw); }
  std::string text(int result) const {
    return raw.message != nullptr ? raw.message : std::strerror(-result);
  }
  bool is(std::string_view name) const { return raw.name != nullptr && raw.name == name; }
};

Status Unavailable(std::string_view cause) {
  return Error(Code::kUnavailable, "SYSTEMD_UNAVAILABLE", "unable to ask systemd: {}", cause)
      .WithHint(
          "`systemctl is-system-running` must answer; on a machine without systemd set "
          "instance.service_manager to child")
      .AsRetryable();
}

Status Refused(const BusError& error, int result, std::string_view verb, const std::string& unit) {
  if (error.is("org.freedesktop.systemd1.NoSuchUnit") ||
      error.is("org.freedesktop.systemd1.LoadFailed")) {
    return Error(Code::kFailedPrecondition, "UNIT_NOT_FOUND", "unable to {} unit '{}': {}", verb,
                 unit, error.text(result))
        .WithHint("name the server's unit in the agent's settings (instance.unit)");
  }
  if (error.is("org.freedesktop.systemd1.UnitMasked")) {
    return Error(Code::kFailedPrecondition, "UNIT_MASKED", "unable to {} unit '{}': it is masked",
                 verb, unit)
        .WithHint(fmt::format("systemctl unmask {}", unit));
  }
  if (error.raw.name != nullptr &&
      std::string_view(error.raw.name).starts_with("org.freedesktop.systemd1.")) {
    return Error(Code::kFailedPrecondition, "UNIT_REFUSED", "unable to {} unit '{}': {}", verb,
                 unit, error.text(result))
        .WithHint(fmt::format("`systemctl status {}` and `systemctl list-jobs` tell more", unit));
  }
  return Unavailable(error.text(result));
}

// Reads one unit's properties; the first failure is kept.
class Properties {
 public:
  Properties(sd_bus* bus, std::string path) : bus_(bus), path_(std::move(path)) {}

  void Text(const char* interface, const char* name, std::string& out) {
    char* text = nullptr;
    Note(sd_bus_get_property_string(bus_, kService, path_.c_str(), interface, name, &error_.raw,
                                    &text));
    if (text != nullptr) out = text;
    free(text);
  }
  template <typename T>
  void Number(const char* interface, const char* name, char type, T& out) {
    Note(sd_bus_get_property_trivial(bus_, kService, path_.c_str(), interface, name, &error_.raw,
                                     type, &out));
  }
  void Job(std::uint32_t& out) {
    sd_bus_message* reply = nullptr;
    const int result = sd_bus_get_property(bus_, kService, path_.c_str(), kUnit, "Job", &error_.raw,
                                           &reply, "(uo)");
    Note(result);
    if (result >= 0) Note(sd_bus_message_read(reply, "(uo)", &out, nullptr));
    sd_bus_message_unref(reply);
  }
  bool ok() const { return failed_ >= 0; }
  std::string failure() const { return error_.text(failed_); }

 private:
  void Note(int result) {
    if (result < 0 && failed_ >= 0) failed_ = result;
  }

  sd_bus* const bus_;
  const std::string path_;
  BusError error_;
  int failed_ = 0;
};

}  // namespace

SystemdBus::~SystemdBus() {
  sd_bus_unref(bus_);
}

Status SystemdBus::Connect() {
  if (bus_ != nullptr && sd_bus_is_open(bus_) > 0) return Ok();
  bus_ = sd_bus_unref(bus_);
  int result = sd_bus_new(&bus_);
  if (result >= 0) result = sd_bus_set_address(bus_, kAddress);
  if (result >= 0) result = sd_bus_set_method_call_timeout(bus_, kCallMicroseconds);
  if (result >= 0) result = sd_bus_start(bus_);
  if (result >= 0) return Ok();
  bus_ = sd_bus_unref(bus_);
  return Unavailable(std::strerror(-result))
      .WithHint("is systemd this machine's init, and does the helper run as root?");
}

Result<UnitFacts> SystemdBus::Look(const std::string& unit) {
  RETURN_IF_ERROR(Connect());
  BusError error;
  sd_bus_message* reply = nullptr;
  const int called = sd_bus_call_method(bus_, kService, "/org/freedesktop/systemd1", kManager,
                                        "LoadUnit", &error.raw, &reply, "s", unit.c_str());
  const char* path = nullptr;
  const int result = called < 0 ? called : sd_bus_message_read(reply, "o", &path);
  const std::string object = result >= 0 ? path : "";
  sd_bus_message_unref(reply);
  if (result < 0) {
    if (error.raw.name == nullptr) bus_ = sd_bus_close_unref(bus_);
    return Refused(error, result, "look at", unit);
  }
  UnitFacts facts;
  int held = 1;
  Properties properties(bus_, object);
  properties.Text(kUnit, "LoadState", facts.load_state);
  properties.Text(kUnit, "ActiveState", facts.active_state);
  properties.Text(kUnit, "SubState", facts.sub_state);
  properties.Number(kUnit, "ConditionResult", 'b', held);
  properties.Job(facts.job);
  properties.Text(kServiceUnit, "Result", facts.result);
  properties.Number(kServiceUnit, "MainPID", 'u', facts.main_pid);
  properties.Number(kServiceUnit, "ExecMainCode", 'i', facts.exit_kind);
  properties.Number(kServiceUnit, "ExecMainStatus", 'i', facts.exit_status);
  properties.Number(kServiceUnit, "NRestarts", 'u', facts.restarts);
  facts.condition_held = held != 0;
  if (properties.ok()) return facts;
  bus_ = sd_bus_close_unref(bus_);
  return Unavailable(properties.failure());
}

Status SystemdBus::Call(const char* method, const std::string& unit, const char* mode) {
  RETURN_IF_ERROR(Connect());
  BusError error;
  const int result =
      mode == nullptr ? sd_bus_call_method(bus_, kService, "/org/freedesktop/systemd1", kManager,
                                           method, &error.raw, nullptr, "s", unit.c_str())
                      : sd_bus_call_method(bus_, kService, "/org/freedesktop/systemd1", kManager,
                                           method, &error.raw, nullptr, "ss", unit.c_str(), mode);
  if (result >= 0) return Ok();
  if (error.raw.name == nullptr) bus_ = sd_bus_close_unref(bus_);
  return Refused(error, result, std::string_view(method) == "StopUnit" ? "stop" : "start", unit);
}

Status SystemdBus::Start(const std::string& unit) {
  return Call("StartUnit", unit, "replace");
}

Status SystemdBus::Stop(const std::string& unit) {
  return Call("StopUnit", unit, "replace");
}

Status SystemdBus::ResetFailed(const std::string& unit) {
  return Call("ResetFailedUnit", unit, nullptr);
}

Status SystemdBus::Kill(const std::string& unit, int signal) {
  RETURN_IF_ERROR(Connect());
  BusError error;
  const int result =
      sd_bus_call_method(bus_, kService, "/org/freedesktop/systemd1", kManager, "KillUnit",
                         &error.raw, nullptr, "ssi", unit.c_str(), "all", signal);
  if (result >= 0 || error.is("org.freedesktop.systemd1.NoSuchProcess")) return Ok();
  return Refused(error, result, "kill", unit);
}

}  // namespace dbagent::os
