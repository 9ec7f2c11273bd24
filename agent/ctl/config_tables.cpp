#include "agent/ctl/config_tables.h"

#include <algorithm>

#include "agent/base/bytes.h"
#include "agent/base/quantity.h"
#include "agent/ctl/group_file.h"
#include "agent/ctl/output.h"

namespace dbagent::ctl {
namespace {

constexpr std::size_t kWidestValue = 40;

// `RESTART_PENDING` as `restart pending`.
std::string Words(std::string name) {
  for (char& c : name) c = c == '_' ? ' ' : static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return name;
}

std::string Cut(const std::string& text) {
  return text.size() <= kWidestValue ? text : text.substr(0, kWidestValue - 1) + "…";
}

std::string ShowValue(const std::string& value, const std::string& unit) {
  return value.empty() ? "''" : ShowQuantity(value, unit);
}

std::string Range(const v1::Parameter& parameter) {
  if (parameter.choices_size() > 0) {
    std::string list;
    for (const std::string& choice : parameter.choices())
      list += (list.empty() ? "" : ", ") + choice;
    return list;
  }
  if (parameter.minimum().empty() && parameter.maximum().empty()) return "";
  return ShowQuantity(parameter.minimum(), parameter.unit()) + " to " +
         ShowQuantity(parameter.maximum(), parameter.unit());
}

std::string Source(v1::ParameterSource source) {
  return source == v1::OUTSIDE ? "OUTSIDE" : Words(v1::ParameterSource_Name(source));
}

std::string When(const v1::Parameter& parameter) {
  switch (parameter.access()) {
    case v1::SYSTEM_OWNED:
      return "never: the agent's";
    case v1::FORBIDDEN:
      return "never: forbidden";
    case v1::READ_ONLY_PARAMETER:
      return "never: read-only";
    default:
      return parameter.restart_required() ? "restart" : "at once";
  }
}

}  // namespace

std::string ParameterTable(const google::protobuf::RepeatedPtrField<v1::Parameter>& parameters) {
  Table table({"NAME", "VALUE", "FROM", "TAKES EFFECT", "DEFAULT", "ALLOWED"});
  for (const v1::Parameter& parameter : parameters) {
    std::string value = Cut(ShowValue(parameter.value(), parameter.unit()));
    if (parameter.pending_restart()) {
      value += " (after restart: " +
               (parameter.has_pending_value()
                    ? Cut(ShowValue(parameter.pending_value(), parameter.unit()))
                    : std::string("default")) +
               ")";
    }
    table.Add({parameter.name(), value, Source(parameter.source()), When(parameter),
               parameter.has_default_value()
                   ? Cut(ShowValue(parameter.default_value(), parameter.unit()))
                   : "-",
               Cut(Range(parameter))});
  }
  return table.ToString();
}

std::string ParameterDetails(const v1::Parameter& parameter) {
  Table table({"FIELD", "VALUE"});
  table.Add({"name", parameter.name()});
  table.Add({"value", ShowValue(parameter.value(), parameter.unit())});
  table.Add({"from", Source(parameter.source())});
  if (parameter.pending_restart())
    table.Add({"after restart", parameter.has_pending_value()
                                    ? ShowValue(parameter.pending_value(), parameter.unit())
                                    : "the default"});
  table.Add({"default", parameter.has_default_value()
                            ? ShowValue(parameter.default_value(), parameter.unit())
                            : "-"});
  table.Add({"type", Words(v1::ParameterType_Name(parameter.type())) +
                         (parameter.unit().empty() ? "" : ", counts " + parameter.unit())});
  table.Add({"allowed", Range(parameter)});
  table.Add({"takes effect",
             When(parameter) +
                 (parameter.access_reason().empty() ? "" : ": " + parameter.access_reason())});
  table.Add({"description", parameter.description()});
  return table.ToString();
}

std::string ChangeTable(const google::protobuf::RepeatedPtrField<v1::ParameterChange>& changes) {
  if (changes.empty()) return {};
  Table table({"PARAMETER", "WAS", "IS", "FROM", "TAKES EFFECT"});
  for (const v1::ParameterChange& change : changes) {
    const auto value = [&](bool has, const std::string& text) {
      return has ? Cut(ShowValue(text, change.unit())) : std::string("default");
    };
    std::string effect = change.restart_required() ? "at a restart" : "at once";
    if (change.has_value_in_force()) {
      effect = "in force";
      if (change.has_new_value() && change.value_in_force() != change.new_value())
        effect += " as " + ShowValue(change.value_in_force(), change.unit());
    }
    table.Add({change.name(), value(change.has_old_value(), change.old_value()),
               value(change.has_new_value(), change.new_value()), Source(change.source()), effect});
  }
  return table.ToString();
}

std::string DriftText(const google::protobuf::RepeatedPtrField<v1::Drift>& drift) {
  std::string text;
  for (const v1::Drift& one : drift) {
    switch (one.kind()) {
      case v1::FILE_EDITED:
        text += "edited: " + one.detail() + "\n";
        for (const std::string& line : one.lines()) text += "    " + line + "\n";
        break;
      case v1::FILE_UNREADABLE:
        text += "missing or unreadable: " + one.detail() + "\n";
        break;
      default:
        text += fmt::format("{}: {} is {}, should be {}{}\n", Words(v1::DriftKind_Name(one.kind())),
                            one.parameter(), one.value(),
                            one.has_expected_value() ? one.expected_value() : "the default",
                            one.detail().empty() ? "" : " (" + one.detail() + ")");
    }
  }
  return text;
}

std::string RevisionTable(const google::protobuf::RepeatedPtrField<v1::Revision>& revisions) {
  Table table({"REVISION", "TIME", "BY", "WHAT", "STATE", "CHANGES", "MEMORY", "ERROR"});
  for (const v1::Revision& revision : revisions) {
    table.Add(
        {std::to_string(revision.number()), ShowTime(revision.create_time().seconds()),
         revision.caller(), revision.action(),
         Words(v1::RevisionState_Name(revision.state())) + (revision.proven() ? ", proven" : ""),
         std::to_string(revision.changes_size()), FormatBytes(revision.memory_bytes()),
         revision.has_error() ? revision.error().reason() : ""});
  }
  return table.ToString();
}

std::string RevisionDetails(const v1::Revision& revision) {
  google::protobuf::RepeatedPtrField<v1::Revision> one;
  *one.Add() = revision;
  std::string text = RevisionTable(one);
  if (revision.has_error()) text += "\n" + revision.error().message() + "\n";
  text += "\nthe group:\n" + ShowGroup({revision.values().begin(), revision.values().end()});
  if (revision.changes_size() > 0) {
    text += fmt::format("\nagainst revision {}:\n", revision.previous()) +
            ChangeTable(revision.changes());
  }
  return text;
}

std::string ConfigurationText(const v1::Configuration& configuration) {
  const v1::Revision& revision = configuration.revision();
  std::string text =
      fmt::format("# revision {} of {} ({}), {}; the server may use {} and {} cores\n",
                  revision.number(), ShowTime(revision.create_time().seconds()), revision.action(),
                  Words(v1::RevisionState_Name(revision.state())),
                  FormatBytes(revision.memory_bytes()), revision.cores());
  text += ShowGroup({revision.values().begin(), revision.values().end()});
  if (configuration.pending_restart_size() > 0)
    text += "\n# waits for a restart\n" + ChangeTable(configuration.pending_restart());
  if (configuration.drift_size() > 0)
    text += "\n# changed by others\n" + DriftText(configuration.drift());
  if (configuration.server_unavailable())
    text += "\n# the server does not run: what others set on it is not known\n";
  return text;
}

}  // namespace dbagent::ctl
