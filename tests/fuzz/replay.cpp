#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/fuzz/fuzz_target.h"

// Runs the target over every file of the directories in argv, over each file cut at a third and two
// thirds, and with a bit turned in its middle. An empty corpus is an error: it would test nothing.
int main(int argc, char** argv) {
  std::size_t inputs = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      std::string input{std::istreambuf_iterator<char>(file), {}};
      std::printf("%s\n", entry.path().c_str());
      Try(input);
      Try(std::string_view(input).substr(0, input.size() / 3));
      Try(std::string_view(input).substr(0, input.size() * 2 / 3));
      if (!input.empty()) {
        input[input.size() / 2] = static_cast<char>(input[input.size() / 2] ^ 0x10);
        Try(input);
      }
      ++inputs;
    }
  }
  std::printf("%zu inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
