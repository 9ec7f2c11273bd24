#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "agent/stream/stream.h"

namespace dbagent::tests {

// A dump kept in memory.
class TextSink : public stream::Sink {
 public:
  Status Write(const OpContext& ctx, Bytes data) override {
    text += AsText(data);
    return ctx.Poll();
  }
  std::string text;
};

class TextSource : public stream::Source {
 public:
  explicit TextSource(std::string_view text) : text_(text) {}
  Result<std::size_t> Read(const OpContext& ctx, std::span<std::byte> buffer) override {
    RETURN_IF_ERROR(ctx.Poll());
    const std::size_t count = std::min(buffer.size(), text_.size() - at_);
    std::copy_n(AsBytes(text_).begin() + static_cast<std::ptrdiff_t>(at_), count, buffer.begin());
    at_ += count;
    return count;
  }

 private:
  const std::string text_;
  std::size_t at_ = 0;
};

}  // namespace dbagent::tests
