#include <gtest/gtest.h>

#include "agent/workflows/configuration_drift.h"
#include "agent/workflows/parameters.h"
#include "tests/support/status_matchers.h"

namespace dbagent::workflows {
namespace {

using datastore::ConfigurationSet;
using datastore::Description;
using datastore::LiveChange;
using datastore::Parameter;
using datastore::ParameterAccess;
using datastore::ParameterOrigin;
using datastore::Values;
using datastore::Violation;

Parameter Made(std::string name, std::string value, ParameterAccess access = ParameterAccess::kUser,
               bool restart = false) {
  Parameter parameter;
  parameter.name = std::move(name);
  parameter.default_value = "0";
  parameter.value = std::move(value);
  parameter.access = access;
  parameter.restart_required = restart;
  return parameter;
}

Description Server() {
  Description description;
  description.parameters = {Made("evil", "0", ParameterAccess::kForbidden), Made("live", "0"),
                            Made("ours", "0", ParameterAccess::kSystem),
                            Made("slow", "0", ParameterAccess::kUser, true),
                            Made("told", "0", ParameterAccess::kReadOnly)};
  return description;
}

// Names by lower case; every value but `bad` is canonical.
class LowerCase : public datastore::SettingsAdmin {
 public:
  Result<Description> Describe(const OpContext&) override { return Server(); }
  std::string CanonicalName(const std::string& written) const override {
    std::string name;
    for (const char c : written) name += static_cast<char>(c == '-' ? '_' : std::tolower(c));
    return name;
  }
  Result<std::string> CanonicalValue(const Parameter&, const std::string& written) const override {
    if (written != "bad") return written;
    return Error(Code::kInvalidArgument, "VALUE_INVALID", "is bad");
  }
  Result<std::vector<Violation>> Check(const OpContext&, const Description&,
                                       const ConfigurationSet&) override {
    return std::vector<Violation>();
  }
  Result<Values> SetLive(const OpContext&, const std::vector<LiveChange>&) override {
    return Values();
  }
};

TEST(CheckGroup, FindsEverythingThatIsWrongAtOnce) {
  const CheckedGroup checked = CheckGroup(LowerCase(), Server(),
                                          {{"LIVE", "1"},
                                           {"live", "2"},
                                           {"slow", "bad"},
                                           {"EVIL", "1"},
                                           {"ours", "1"},
                                           {"told", "1"},
                                           {"lve", "1"}});
  std::map<std::string, std::string> reasons;
  for (const Violation& violation : checked.violations)
    reasons[violation.parameter] = violation.reason;
  const std::map<std::string, std::string> expected = {
      {"EVIL", "PARAMETER_FORBIDDEN"}, {"live", "PARAMETER_DUPLICATE"},
      {"lve", "PARAMETER_UNKNOWN"},    {"ours", "PARAMETER_SYSTEM"},
      {"slow", "VALUE_INVALID"},       {"told", "PARAMETER_READ_ONLY"}};
  EXPECT_EQ(reasons, expected);
  EXPECT_EQ(checked.values, (Values{{"live", "1"}}));
}

TEST(CheckGroup, SuggestsWhatMayBeMeantAndNeverWhatIsForbidden) {
  const CheckedGroup checked = CheckGroup(LowerCase(), Server(), {{"lve", "1"}, {"evl", "1"}});
  ASSERT_EQ(checked.violations.size(), 2U);
  EXPECT_EQ(checked.violations[0].message, "is none that the server has");
  EXPECT_EQ(checked.violations[1].message, "is none that the server has; do you mean live");
}

TEST(ViolationsError, CarriesWhatFitsIntoAnError) {
  std::vector<Violation> many;
  for (int i = 0; i < 500; ++i)
    many.push_back({fmt::format("p{}", i), "PARAMETER_UNKNOWN", std::string(100, 'x')});
  const Status error = ViolationsError(many);
  EXPECT_EQ(error.reason(), "CONFIGURATION_INVALID");
  EXPECT_NE(error.message().find("and 497 more"), std::string::npos);
  std::size_t bytes = error.message().size();
  for (const auto& [key, value] : error.metadata()) bytes += key.size() + value.size();
  EXPECT_LT(bytes, 5000U);
  EXPECT_GT(error.metadata().size(), 10U);
}

TEST(EffectiveOf, LetsLaterLayersWin) {
  ConfigurationSet set;
  set.template_values = {{"a", "template"}, {"b", "template"}, {"c", "template"}};
  set.group = {{"b", "group"}, {"c", "group"}};
  const EffectiveValues values = EffectiveOf(set, {{"c", "system"}, {"d", "system"}});
  EXPECT_EQ(values.at("a").source, v1::TEMPLATE);
  EXPECT_EQ(values.at("b").value, "group");
  EXPECT_EQ(values.at("c").source, v1::SYSTEM);
  EXPECT_EQ(values.at("d").value, "system");
}

TEST(Difference, KnowsWhatGoesBackToTheDefaultAndWhatNeedsARestart) {
  const EffectiveValues before = {{"live", {"1", v1::GROUP}}, {"same", {"1", v1::GROUP}}};
  const EffectiveValues after = {{"slow", {"2", v1::GROUP}}, {"same", {"1", v1::TEMPLATE}}};
  const auto changes = Difference(before, after, Server());
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].name(), "live");
  EXPECT_FALSE(changes[0].has_new_value());
  EXPECT_EQ(changes[0].source(), v1::DEFAULT);
  EXPECT_FALSE(changes[0].restart_required());
  EXPECT_TRUE(changes[1].restart_required());
  EXPECT_FALSE(changes[1].has_old_value());
}

// ---- drift

Description With(Parameter parameter, ParameterOrigin origin, std::string detail = "") {
  parameter.origin = origin;
  parameter.origin_detail = std::move(detail);
  Description description;
  description.parameters = {std::move(parameter)};
  return description;
}

const OwnValues kOwn = {{{"live", {"5", v1::GROUP}}}, {{"live", "6"}}, "/v/config"};

TEST(Drift, IsNoneOfTheAgentsOwnDoing) {
  for (const Description& own :
       {With(Made("live", "5"), ParameterOrigin::kFile, "/v/config/sets/1/20-group.cnf"),
        With(Made("live", "5"), ParameterOrigin::kRuntime),   // as the layers say
        With(Made("live", "6"), ParameterOrigin::kRuntime),   // as it was read back: rounded
        With(Made("other", "0"), ParameterOrigin::kRuntime),  // back at the default
        With(Made("told", "9", ParameterAccess::kReadOnly), ParameterOrigin::kRuntime)}) {
    EXPECT_TRUE(DriftOfParameters(own, kOwn).empty()) << own.parameters[0].name;
  }
}

TEST(Drift, IsWhatOthersSetPersistedOrWroteElsewhere) {
  const auto kind = [](const Description& description) {
    const auto drift = DriftOfParameters(description, kOwn);
    return drift.size() == 1 ? drift[0].kind() : v1::DRIFT_KIND_UNSPECIFIED;
  };
  EXPECT_EQ(kind(With(Made("live", "7"), ParameterOrigin::kRuntime, "eve@%")), v1::SET_AT_RUNTIME);
  EXPECT_EQ(kind(With(Made("live", "5"), ParameterOrigin::kPersisted)), v1::PERSISTED);
  EXPECT_EQ(kind(With(Made("live", "5"), ParameterOrigin::kFile, "/etc/x.cnf")), v1::OTHER_FILE);
  EXPECT_EQ(kind(With(Made("live", "5"), ParameterOrigin::kFile, "/v/configuration/x")),
            v1::OTHER_FILE);
}

TEST(Drift, OfAFileShowsTheLinesThatDiffer) {
  const auto drift = DriftOfFiles({{"/v/a", "one\ntwo\n", "one\nthree\n", "it was changed by hand"},
                                   {"/v/b", "x\n", std::nullopt, "unable to open '/v/b'"}});
  ASSERT_EQ(drift.size(), 2U);
  EXPECT_EQ(drift[0].kind(), v1::FILE_EDITED);
  ASSERT_EQ(drift[0].lines_size(), 2);
  EXPECT_EQ(drift[0].lines(0), "-two");
  EXPECT_EQ(drift[0].lines(1), "+three");
  EXPECT_EQ(drift[1].kind(), v1::FILE_UNREADABLE);
}

}  // namespace
}  // namespace dbagent::workflows
