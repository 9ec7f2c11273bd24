#include "agent/ctl/output.h"

#include <google/protobuf/util/json_util.h>
#include <wchar.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "agent/base/bytes.h"

namespace dbagent::ctl {
namespace {

// Columns that a UTF-8 text takes on a terminal (main() sets the locale).
std::size_t WidthOf(const std::string& text) {
  std::mbstate_t state{};
  std::size_t width = 0;
  const char* at = text.data();
  std::size_t left = text.size();
  while (left > 0) {
    wchar_t c = 0;
    const std::size_t used = std::mbrtowc(&c, at, left, &state);
    if (used == static_cast<std::size_t>(-1) || used == static_cast<std::size_t>(-2))
      return width + left;
    const int columns = wcwidth(c);
    width += columns > 0 ? static_cast<std::size_t>(columns) : 0;
    at += std::max<std::size_t>(used, 1);
    left -= std::max<std::size_t>(used, 1);
  }
  return width;
}

}  // namespace

std::string Table::ToString() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], WidthOf(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text += std::string(widths[i] - WidthOf(row[i]) + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) return "{}";
  return json + "\n";
}

std::string ShowTime(std::int64_t seconds) {
  if (seconds == 0) return "-";
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm local{};
  localtime_r(&time, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
  return text;
}

Status ItemError(const v1::Error& error) {
  return Status(static_cast<Code>(error.code()), error.reason(), error.message())
      .WithHint(error.hint());
}

int ShowError(const Status& status, bool json) {
  if (json) {
    v1::Error error;
    error.set_code(static_cast<std::int32_t>(status.code()));
    error.set_reason(status.reason());
    error.set_message(status.FullMessage());
    error.set_hint(status.hint());
    error.set_retryable(status.retryable());
    for (const auto& [key, value] : status.metadata()) (*error.mutable_metadata())[key] = value;
    std::fputs(ToJson(error).c_str(), stderr);
  } else {
    std::fprintf(stderr, "error: %s\n", status.FullMessage().c_str());
    std::fprintf(stderr, "  reason: %s (%s)\n", status.reason().c_str(),
                 std::string(CodeName(status.code())).c_str());
    if (!status.hint().empty()) std::fprintf(stderr, "  hint: %s\n", status.hint().c_str());
  }
  if (status.reason() == "USAGE") return kUsage;
  return status.reason() == "AGENT_UNREACHABLE" ? kUnreachable : kFailed;
}

std::string StageTable(const google::protobuf::RepeatedPtrField<v1::StageFigures>& stages) {
  Table table({"STAGE", "THREADS", "BYTES", "BUSY", "WAITED"});
  for (const v1::StageFigures& stage : stages) {
    table.Add({stage.name(), std::to_string(stage.threads()), FormatBytes(stage.bytes()),
               fmt::format("{:.2f} s", stage.busy_seconds()),
               fmt::format("{:.2f} s", stage.waited_seconds())});
  }
  return table.ToString();
}

}  // namespace dbagent::ctl
