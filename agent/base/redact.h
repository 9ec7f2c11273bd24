#pragma once

#include <string>
#include <string_view>

namespace dbagent {

// `text` with every living Secret's value replaced by `[secret]` (also as it looks inside an SQL
// literal), and with what follows password keywords of SQL and of URLs taken out by pattern. For
// every text that did not come from this program: server and client library errors, output of child
// processes, HTTP bodies.
//
// Threads: any. Cost: text length × living secrets; call it on errors, not on data.
std::string Redact(std::string_view text);

namespace internal {  // for Secret only
void RememberSecret(std::string_view value);
void ForgetSecret(std::string_view value) noexcept;
}  // namespace internal

}  // namespace dbagent
