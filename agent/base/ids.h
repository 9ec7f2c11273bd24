#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace dbagent {

using WallTime = std::chrono::system_clock::time_point;

// A new id that sorts by time: `20261123T153012Z-1f3a9c0b7d2e` (UTC second, three digits of
// milliseconds, 36 random bits; all hexadecimal after the dash). Used for operations and backups;
// safe in paths, URLs and object names.
std::string NewId();
// Whether `text` has the form that NewId() gives (so that it can stand in a path).
bool IsId(std::string_view text);

// A random (version 4) UUID in lower case, RFC 4122.
std::string NewUuid();
// Whether `text` is one, in lower case.
bool IsUuid(std::string_view text);

// `2026-11-23T15:30:12.345Z` (RFC 3339, UTC, milliseconds).
std::string FormatTime(WallTime time);

}  // namespace dbagent
