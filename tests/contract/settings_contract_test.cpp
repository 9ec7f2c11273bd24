// What every driver promises of its server's parameters (datastores/settings.h).
#include <algorithm>
#include <set>

#include "datastores/configuration_sets.h"
#include "tests/contract/contract_test.h"

namespace dbagent::tests {
namespace {

using datastore::ConfigurationSet;
using datastore::Description;
using datastore::LiveChange;
using datastore::Parameter;
using datastore::ParameterAccess;
using datastore::ParameterOrigin;
using datastore::Values;
using datastore::Violation;

constexpr std::uint64_t kGiB = 1ULL << 30U;

bool In(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class SettingsContract : public ContractTest {
 protected:
  void TearDown() override {
    // whatever a test selected: the set that the suite began with
    EXPECT_OK(server().Configure(1, server().SmallSet()));
    EXPECT_OK(store().server()->Stop(ctx()));
    EXPECT_OK(store().server()->Start(ctx()));
    ContractTest::TearDown();
  }
  datastore::SettingsAdmin& settings() const { return *store().settings(); }
  datastore::ConfigurationLayers& layers() const { return *store().layers(); }
  const SettingsTraits& names() const { return traits().settings; }

  Description Described() const {
    auto description = settings().Describe(ctx());
    EXPECT_OK(description);
    return description.ok() ? *std::move(description) : Description();
  }
  static Parameter Find(const Description& description, const std::string& name) {
    for (const Parameter& parameter : description.parameters)
      if (parameter.name == name) return parameter;
    ADD_FAILURE() << "no parameter " << name;
    return {};
  }
  Parameter Now(const std::string& name) const { return Find(Described(), name); }
  std::string Canonical(const Parameter& parameter, const std::string& written) const {
    const auto value = settings().CanonicalValue(parameter, written);
    EXPECT_OK(value) << parameter.name << " = " << written;
    return value.ok() ? *value : "";
  }
  Status Refusal(const Parameter& parameter, const std::string& written) const {
    return settings().CanonicalValue(parameter, written).status();
  }
  ConfigurationSet With(const Values& group) const {
    ConfigurationSet set = server().SmallSet();
    set.group = group;
    return set;
  }
  std::vector<Violation> Checked(const ConfigurationSet& set) const {
    auto violations = settings().Check(ctx(), Described(), set);
    EXPECT_OK(violations);
    return violations.ok() ? *violations : std::vector<Violation>();
  }
  Status TryStart(std::uint64_t number, const ConfigurationSet& set) const {
    ASSIGN_OR_RETURN(const datastore::RenderedSet rendered, layers().Render(set, number));
    RETURN_IF_ERROR(datastore::WriteSet(server().settings().volume, number, rendered));
    return layers().TryStart(ctx(), number);
  }
  Status Restart() const {
    RETURN_IF_ERROR(store().server()->Stop(ctx()));
    return store().server()->Start(ctx());
  }
  // Selects a set with the group and sets it live: the values read back.
  Values SetLive(std::uint64_t number, const Values& group,
                 const std::vector<LiveChange>& changes) {
    EXPECT_OK(server().Configure(number, With(group)));
    auto values = settings().SetLive(ctx(), changes);
    EXPECT_OK(values);
    return values.ok() ? *values : Values();
  }
};

TEST_F(SettingsContract, DescribesSeveralHundredParametersSortedAndUnique) {
  const Description description = Described();
  EXPECT_GT(description.parameters.size(), 300U);
  EXPECT_FALSE(description.server_version.empty());
  EXPECT_LT(description.server_started, std::chrono::system_clock::now());
  EXPECT_GT(description.server_started, std::chrono::system_clock::now() - std::chrono::hours(1));
  for (std::size_t i = 1; i < description.parameters.size(); ++i)
    EXPECT_LT(description.parameters[i - 1].name, description.parameters[i].name);
  std::size_t described = 0;
  for (const Parameter& parameter : description.parameters) {
    EXPECT_EQ(settings().CanonicalName(parameter.name), parameter.name);
    EXPECT_EQ(parameter.access_reason.empty(), parameter.access == ParameterAccess::kUser)
        << parameter.name;
    if (!parameter.description.empty()) ++described;
  }
  EXPECT_GT(described, description.parameters.size() / 2);
}

TEST_F(SettingsContract, DescribingTwiceIsTheSame) {
  const Description first = Described(), second = Described();
  ASSERT_EQ(first.parameters.size(), second.parameters.size());
  EXPECT_EQ(first.server_started, second.server_started);
  std::size_t changed = 0;  // a server may count something in one
  for (std::size_t i = 0; i < first.parameters.size(); ++i) {
    const Parameter &a = first.parameters[i], &b = second.parameters[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.origin, b.origin) << a.name;
    if (a.access == ParameterAccess::kUser) {
      EXPECT_EQ(a.value, b.value) << a.name;
    }
    if (a.value != b.value) ++changed;
  }
  EXPECT_LT(changed, 5U);
}

TEST_F(SettingsContract, ValuesInForceAreCanonical) {
  for (const Parameter& parameter : Described().parameters) {
    if (parameter.access != ParameterAccess::kUser || In(names().not_written_back, parameter.name))
      continue;
    EXPECT_EQ(Canonical(parameter, parameter.value), parameter.value) << parameter.name;
    if (parameter.default_value && !parameter.default_value->empty()) {
      EXPECT_EQ(Canonical(parameter, *parameter.default_value), *parameter.default_value)
          << parameter.name;
    }
  }
}

TEST_F(SettingsContract, TheProgramTakesEveryUsersParameterWithItsOwnValue) {
  Values group;
  for (const Parameter& parameter : Described().parameters) {
    if (parameter.access == ParameterAccess::kUser && !In(names().not_written_back, parameter.name))
      group[parameter.name] = parameter.value;
  }
  EXPECT_GT(group.size(), 150U);
  EXPECT_OK(TryStart(40, With(group)));
}

TEST_F(SettingsContract, ReadsUnitsAndRefusesWhatIsOutOfRange) {
  const Parameter size = Now(names().size);
  EXPECT_EQ(Canonical(size, names().size_written), names().size_value);
  EXPECT_EQ(Canonical(size, " " + names().size_written + " "), names().size_value);
  EXPECT_EQ(Canonical(size, names().size_value), names().size_value);
  for (const std::string bad : {"", "much", "12 apples", "1.2.3MB", "0x", "--1", "5MB\n", "5;"})
    EXPECT_EQ(ReasonOf(Refusal(size, bad)), "VALUE_INVALID") << bad;
  const Parameter integer = Now(names().integer);
  ASSERT_FALSE(integer.maximum.empty());
  const Status refused = Refusal(integer, integer.maximum + "0");
  EXPECT_EQ(ReasonOf(refused), "VALUE_OUT_OF_RANGE");
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_NE(refused.message().find(", allowed are "), std::string::npos) << refused.message();
  EXPECT_EQ(ReasonOf(Refusal(integer, "-99999")), "VALUE_OUT_OF_RANGE");
}

TEST_F(SettingsContract, ReadsBooleansAndChoicesInAnyCase) {
  const Parameter boolean = Now(names().boolean);
  for (const std::string word : {"on", "ON", "1", "true", "True"})
    EXPECT_EQ(Canonical(boolean, word), names().boolean_on);
  for (const std::string word : {"off", "OFF", "0", "false"})
    EXPECT_NE(Canonical(boolean, word), names().boolean_on);
  EXPECT_EQ(ReasonOf(Refusal(boolean, "maybe")), "VALUE_INVALID");
  const Parameter choice = Now(names().choice);
  EXPECT_EQ(Canonical(choice, names().choice_written), names().choice_value);
  const Status refused = Refusal(choice, "no such word");
  EXPECT_EQ(ReasonOf(refused), "VALUE_INVALID");
  EXPECT_NE(refused.message().find(names().choice_value), std::string::npos) << refused.message();
}

TEST_F(SettingsContract, NoSpellingPassesARefusalBy) {
  const Description description = Described();
  const auto access = [&](const std::string& written) {
    const Parameter parameter = Find(description, settings().CanonicalName(written));
    EXPECT_FALSE(parameter.access_reason.empty()) << written;
    return parameter.access;
  };
  for (const std::string& written : names().forbidden)
    EXPECT_EQ(access(written), ParameterAccess::kForbidden) << written;
  for (const std::string& written : names().system)
    EXPECT_EQ(access(written), ParameterAccess::kSystem) << written;
  EXPECT_EQ(settings().CanonicalName("No-Such_Thing"), "no_such_thing");
}

TEST_F(SettingsContract, WhatTheAgentSetsAndTheTemplateSetsIsKnownToTheServer) {
  const Description description = Described();
  ASSERT_OK_AND_ASSIGN(const Values system, layers().System(server().SmallSet()));
  for (const auto& [name, value] : system) {
    if (In(names().program_options, name)) continue;
    const Parameter parameter = Find(description, name);
    EXPECT_NE(parameter.access, ParameterAccess::kUser) << name;
    EXPECT_TRUE(parameter.value == value || parameter.value == value + "/")  // a directory
        << name << ": " << parameter.value << ", " << value;
  }
  for (const auto& [name, value] : server().SmallSet().template_values) {
    const Parameter parameter = Find(description, name);
    EXPECT_EQ(parameter.access, ParameterAccess::kUser) << name;
    EXPECT_EQ(Canonical(parameter, value), value) << name;
    EXPECT_EQ(parameter.value, value) << name;
    if (In(names().origin_unknown, name)) continue;
    EXPECT_EQ(parameter.origin, ParameterOrigin::kFile) << name;
    EXPECT_NE(parameter.origin_detail.find("/sets/1/"), std::string::npos) << name;
  }
}

TEST_F(SettingsContract, CheckSaysAllThatIsWrongAtOnce) {
  EXPECT_TRUE(Checked(server().SmallSet()).empty());
  EXPECT_TRUE(Checked(With({{names().integer, names().integer_value},
                            {names().boolean, names().boolean_on},
                            {names().restart, names().restart_value}}))
                  .empty());
  Values group;
  for (const auto& refusal : names().refusals) group[refusal.name] = refusal.value;
  const std::vector<Violation> all = Checked(With(group));
  for (const auto& refusal : names().refusals) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const Violation& violation) {
      return violation.parameter == refusal.name && violation.reason == refusal.reason;
    });
    EXPECT_NE(found, all.end()) << refusal.name;
    if (found != all.end()) {
      EXPECT_FALSE(found->message.empty());
    }
  }
}

TEST_F(SettingsContract, CheckRefusesMoreMemoryThanTheFlavorHas) {
  const std::vector<Violation> found = Checked(
      With({{names().memory, names().too_much_memory}, {names().integer, names().integer_value}}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].parameter, names().memory);
  EXPECT_EQ(found[0].reason, "MEMORY_EXCEEDED");
  EXPECT_NE(found[0].message.find("256MB"), std::string::npos) << found[0].message;
}

TEST_F(SettingsContract, CheckPutsNothingInForce) {
  const Description before = Described();
  Checked(With({{names().integer, names().integer_value}, {names().boolean, names().boolean_on}}));
  EXPECT_EQ(Now(names().integer).value, Find(before, names().integer).value);
  EXPECT_EQ(Now(names().boolean).value, Find(before, names().boolean).value);
}

TEST_F(SettingsContract, CheckWithoutAServerLeavesOutWhatNeedsOne) {
  const Description description = Described();
  ASSERT_OK(store().server()->Stop(ctx()));
  EXPECT_EQ(ReasonOf(settings().Describe(ctx())), "SERVER_UNAVAILABLE");
  ASSERT_OK_AND_ASSIGN(
      const auto found,
      settings().Check(ctx(), description, With({{names().memory, names().too_much_memory}})));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].reason, "MEMORY_EXCEEDED");
}

TEST_F(SettingsContract, TheTemplateOfNoFlavorIsMoreThanItsMemory) {
  const Description description = Described();
  for (const std::uint64_t mebibytes :
       {256U, 384U, 512U, 1024U, 3072U, 6144U, 12288U, 49152U, 262144U}) {
    for (const std::uint32_t cores : {1U, 4U, 64U}) {
      ConfigurationSet set;
      set.flavor = {mebibytes << 20U, cores};
      set.template_values = layers().Template(set.flavor);
      ASSERT_OK_AND_ASSIGN(const auto found, settings().Check(ctx(), description, set));
      for (const Violation& violation : found)
        ADD_FAILURE() << mebibytes << " MiB: " << violation.parameter << " " << violation.message;
      for (const auto& [name, value] : set.template_values)
        EXPECT_EQ(Canonical(Find(description, name), value), value) << name;
    }
  }
}

TEST_F(SettingsContract, TheServerStartsWithTheTemplateOfEachFlavorThatFits) {
  std::uint64_t number = 60;
  for (const std::uint64_t bytes : {kGiB / 4, kGiB, 4 * kGiB}) {
    ConfigurationSet set = server().SmallSet();
    set.flavor = {bytes, 4};
    set.template_values = layers().Template(set.flavor);
    ASSERT_OK(server().Configure(++number, set));
    ASSERT_OK(Restart());
    const Description description = Described();
    for (const auto& [name, value] : set.template_values) {
      const Parameter parameter = Find(description, name);
      EXPECT_EQ(parameter.value, value) << name;
      if (In(names().origin_unknown, name)) continue;
      EXPECT_EQ(parameter.origin, ParameterOrigin::kFile) << name;
    }
  }
}

TEST_F(SettingsContract, ChangesWhatNeedsNoRestartAndGoesBack) {
  const Description before = Described();
  const Values group = {{names().integer, names().integer_value},
                        {names().size, names().size_value},
                        {names().boolean, names().boolean_on},
                        {names().choice, names().choice_value}};
  std::vector<LiveChange> changes, back;
  for (const auto& [name, value] : group) {
    ASSERT_FALSE(Find(before, name).restart_required) << name;
    ASSERT_NE(Find(before, name).value, value) << name;
    changes.push_back({name, value, false});
    back.push_back({name, std::nullopt, false});
  }
  EXPECT_EQ(SetLive(20, group, changes), group);
  const Description changed = Described();
  for (const auto& [name, value] : group) EXPECT_EQ(Find(changed, name).value, value) << name;
  ASSERT_OK(Restart());  // as the files say
  const Description again = Described();
  for (const auto& [name, value] : group) {
    EXPECT_EQ(Find(again, name).value, value) << name;
    EXPECT_EQ(Find(again, name).origin, ParameterOrigin::kFile) << name;
  }
  // back to the template's, where it has one, else to the server's own
  const Values templated = server().SmallSet().template_values;
  for (LiveChange& change : back)
    if (templated.contains(change.name)) change.value = templated.at(change.name);
  const Values read = SetLive(21, {}, back);
  for (const auto& [name, value] : read) EXPECT_EQ(value, Find(before, name).value) << name;
}

TEST_F(SettingsContract, AChangeForTheNextStartWaitsForIt) {
  const std::string before = Now(names().restart).value;
  ASSERT_TRUE(Now(names().restart).restart_required);
  ASSERT_NE(before, names().restart_value);
  ASSERT_OK(server().Configure(22, With({{names().restart, names().restart_value}})));
  EXPECT_EQ(Now(names().restart).value, before);
  ASSERT_OK(Restart());
  EXPECT_EQ(Now(names().restart).value, names().restart_value);
  EXPECT_FALSE(Now(names().restart).pending_restart);
}

TEST_F(SettingsContract, TheGroupOverridesTheTemplateAndNothingOverridesTheSystem) {
  ConfigurationSet set = With({});
  ASSERT_TRUE(set.template_values.contains(names().written_by_template));
  const Parameter parameter = Now(names().written_by_template);
  const std::string other = Canonical(parameter, parameter.value == "3" ? "2" : "3");
  set.group[names().written_by_template] = other;
  // a caller that forgot to refuse it
  const std::string system = settings().CanonicalName(names().system.front());
  const std::string of_system = Now(system).value;
  set.group[system] = "1";
  ASSERT_OK(server().Configure(23, set));
  ASSERT_OK(Restart());
  EXPECT_EQ(Now(names().written_by_template).value, other);
  EXPECT_EQ(Now(system).value, of_system);
}

TEST_F(SettingsContract, TheProgramRefusesABadSetWithItsOwnWordsAndTouchesNothing) {
  const pid_t pid = server().host().ServerState().pid;
  EXPECT_OK(TryStart(30, With({{names().integer, names().integer_value}})));
  Status refused = TryStart(31, With({{names().bad_name, names().bad_value}}));
  EXPECT_EQ(ReasonOf(refused), "CONFIGURATION_REJECTED");
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_NE(refused.FullMessage().find(names().bad_word), std::string::npos)
      << refused.FullMessage();
  refused = TryStart(32, With({{"no_such_parameter", "1"}}));
  EXPECT_EQ(ReasonOf(refused), "CONFIGURATION_REJECTED");
  EXPECT_NE(refused.FullMessage().find("no_such_parameter"), std::string::npos)
      << refused.FullMessage();
  EXPECT_EQ(server().host().ServerState().pid, pid);
  EXPECT_EQ(store().CheckHealth().state, HealthState::kHealthy);
}

TEST_F(SettingsContract, AStartOnASetThatCannotStartSaysWhyAndTheLastGoodOneStarts) {
  ASSERT_OK(server().Configure(33, With({{names().no_start_name, names().no_start_value}})));
  ASSERT_OK(store().server()->Stop(ctx()));
  const Status failed = store().server()->Start(ctx());
  EXPECT_EQ(ReasonOf(failed), "SERVER_START_FAILED");
  EXPECT_NE(failed.FullMessage().find(names().no_start_word), std::string::npos)
      << failed.FullMessage();
  ASSERT_OK(server().Configure(1, server().SmallSet()));
  EXPECT_OK(store().server()->Start(ctx()));
}

TEST_F(SettingsContract, EveryFileSaysWhoOwnsItAndIsTheSameEachTime) {
  ASSERT_OK_AND_ASSIGN(const auto first, layers().Render(server().SmallSet(), 5));
  ASSERT_OK_AND_ASSIGN(const auto second, layers().Render(server().SmallSet(), 5));
  ASSERT_EQ(first.layers.size(), second.layers.size());
  ASSERT_FALSE(first.entries.empty());
  EXPECT_EQ(first.entries.back().name, traits().configuration_file);
  EXPECT_EQ(first.layers.back().name, traits().configuration_file);
  EXPECT_NE(first.entries.back().text.find("sets/5/"), std::string::npos);
  const auto compare = [](const auto& a, const auto& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].text, b[i].text);
      EXPECT_TRUE(a[i].text.starts_with("#")) << a[i].name;
      EXPECT_NE(a[i].text.find("Written by dbagentd"), std::string::npos) << a[i].name;
    }
  };
  compare(first.layers, second.layers);
  compare(first.entries, second.entries);
}

TEST_F(SettingsContract, NoValueIsMoreThanOneLineOfItsFile) {
  for (const std::string& bad :
       {std::string("a\nfsync = off"), std::string("a\rb"), std::string("a\0b", 3)}) {
    ConfigurationSet set = With({{names().integer, bad}});
    EXPECT_FALSE(layers().Render(set, 6).ok());
  }
  EXPECT_FALSE(layers().Render(With({{"x = 1\nfsync", "off"}}), 6).ok());
}

}  // namespace
}  // namespace dbagent::tests
