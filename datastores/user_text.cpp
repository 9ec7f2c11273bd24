#include "datastores/user_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "agent/base/bytes.h"

namespace dbagent::datastore {
namespace {

constexpr std::string_view kFirst = "-- dbagent-users 1 ";
constexpr std::size_t kLargestText = 256U << 20U;  // a million accounts
constexpr std::size_t kPiece = 64U << 10U;

std::string Hex(const std::string& text) {
  return text.empty() ? "-" : ToHex(AsBytes(text));
}

std::optional<std::string> FromHex(std::string_view hex) {
  if (hex == "-") return std::string();
  if (hex.empty() || hex.size() % 2 != 0) return std::nullopt;
  std::string text;
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(hex.data() + at, hex.data() + at + 2, value, 16);
    if (error != std::errc() || end != hex.data() + at + 2) return std::nullopt;
    text += static_cast<char>(value);
  }
  return text;
}

Status Corrupt(std::string_view why) {
  return Error(Code::kDataLoss, "CORRUPT_DUMP", "the text of the users is damaged: {}", why);
}

Result<std::string> ReadAll(const OpContext& ctx, stream::Source& source) {
  std::string text;
  std::array<std::byte, kPiece> buffer;
  for (;;) {
    ASSIGN_OR_RETURN(const std::size_t got, source.Read(ctx, buffer));
    if (got == 0) return text;
    text += AsText(std::span(buffer).first(got));
    if (text.size() > kLargestText) return Corrupt("it is too long");
  }
}

// `account 616c 25` or `rights …`.
std::optional<UserStatement> ReadMark(std::string_view mark) {
  const std::size_t first = mark.find(' ');
  const std::size_t second = mark.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  const std::string_view word = mark.substr(0, first);
  if (word != "account" && word != "rights") return std::nullopt;
  const auto name = FromHex(mark.substr(first + 1, second - first - 1));
  const auto host = FromHex(mark.substr(second + 1));
  if (!name || !host) return std::nullopt;
  return UserStatement{
      word == "account" ? LoadUsersSpec::Part::kAccounts : LoadUsersSpec::Part::kRights,
      {*name, *host},
      ""};
}

}  // namespace

std::string WriteUserText(const std::vector<UserStatement>& statements) {
  const std::string token = NewUuid();
  std::string text = std::string(kFirst) + token + "\n";
  for (const UserStatement& statement : statements) {
    text += fmt::format("-- {} {} {} {}\n{};\n", token,
                        statement.part == LoadUsersSpec::Part::kAccounts ? "account" : "rights",
                        Hex(statement.id.name), Hex(statement.id.host), statement.sql);
  }
  return text + "-- " + token + " end\n";
}

Result<std::vector<UserStatement>> ReadUserText(const OpContext& ctx, stream::Source& source) {
  ASSIGN_OR_RETURN(const std::string text, ReadAll(ctx, source));
  const std::size_t line = text.find('\n');
  if (!text.starts_with(kFirst) || line == std::string::npos) return Corrupt("it has no beginning");
  const std::string mark = "\n-- " + text.substr(kFirst.size(), line - kFirst.size()) + " ";
  std::vector<UserStatement> statements;
  for (std::size_t at = line; text.compare(at, mark.size(), mark) == 0;) {
    const std::size_t begin = at + mark.size();
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const std::string_view said = std::string_view(text).substr(begin, end - begin);
    if (said == "end") return statements;
    std::optional<UserStatement> statement = ReadMark(said);
    if (!statement) return Corrupt("a mark cannot be read");
    at = text.find(mark, end);
    if (at == std::string::npos) break;
    statement->sql = text.substr(end + 1, at - end - 1);
    if (!statement->sql.ends_with(';')) return Corrupt("a statement has no end");
    statement->sql.pop_back();
    statements.push_back(*std::move(statement));
  }
  return Corrupt("its end is missing");
}

Status LoadUserText(const OpContext& ctx, const LoadUsersSpec& spec, stream::Source& source,
                    const UserTextActions& actions) {
  ASSIGN_OR_RETURN(const std::vector<UserStatement> statements, ReadUserText(ctx, source));
  for (const UserStatement& statement : statements) {
    if (statement.part != spec.part) continue;
    RETURN_IF_ERROR(ctx.Poll());
    if (spec.part == LoadUsersSpec::Part::kRights) {
      if (std::find(spec.made.begin(), spec.made.end(), statement.id) == spec.made.end()) continue;
    } else {
      ASSIGN_OR_RETURN(const bool exists, actions.exists(statement.id));
      if (exists) continue;
      if (spec.before_account) RETURN_IF_ERROR(spec.before_account(statement.id));
    }
    RETURN_IF_ERROR(actions.run(statement).Wrap(
        fmt::format("unable to restore user '{}'", statement.id.ToString())));
  }
  return Ok();
}

}  // namespace dbagent::datastore
