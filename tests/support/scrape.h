#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace dbagent::tests {

// The value of the sample with exactly these labels; nothing when there is none.
std::optional<double> SampleOf(const std::string& text, const std::string& name,
                               const std::map<std::string, std::string>& labels = {});

// What an agent that serves its metrics on this Unix socket answers; empty when it does not.
std::string Scrape(const std::filesystem::path& socket);

}  // namespace dbagent::tests
