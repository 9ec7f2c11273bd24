#include "datastores/mysql/server.h"

#include <sys/stat.h>

#include <cerrno>
#include <charconv>

#include "agent/stream/fd_stream.h"
#include "datastores/current_generation.h"

namespace dbagent::datastore::mysql {
namespace {
// A first start whose statements fail goes on running.
constexpr std::chrono::minutes kAdoptBudget{15};
}  // namespace

Status Execute(Server& server, const OpContext& ctx, std::string_view what,
               const std::string& sql) {
  ASSIGN_OR_RETURN(const ConnectionPool::Lease connection, server.pool.Get(ctx));
  return connection->Execute(ctx, what, sql);
}

Result<Rows> Query(Server& server, const OpContext& ctx, std::string_view what,
                   const std::string& sql, const std::vector<std::string>& parameters) {
  ASSIGN_OR_RETURN(const ConnectionPool::Lease connection, server.pool.Get(ctx));
  return connection->Query(ctx, what, sql, parameters);
}

Status RunFirstStart(Server& server, const OpContext& ctx, const char* tool,
                     const os::Generation& generation, const std::string& statements,
                     std::string_view what) {
  ASSIGN_OR_RETURN(stream::Pipe pipe, stream::MakePipe());
  // the server opens it once more by its name, /dev/fd/0, and may be another OS user
  if (fchmod(pipe.read_end.get(), 0444) != 0)
    return os::ErrnoError("set the mode of", "a pipe", errno);
  os::ToolCall call;
  call.name = tool;
  call.parameters = GenerationParameter(generation);
  call.stdin_fd = pipe.read_end.get();
  ASSIGN_OR_RETURN(const auto child, server.host.RunTool(call));
  pipe.read_end.Reset();
  // far less than a pipe holds, so this does not wait for a server that never reads
  RETURN_IF_ERROR(os::WriteAll(pipe.write_end.get(), statements, "the first start's statements"));
  pipe.write_end.Reset();
  return os::WaitForSuccess(ctx, *child, what);
}

Status Adopt(Server& server, const OpContext& ctx, const os::Generation& generation,
             std::string_view what) {
  return RunFirstStart(server, ctx.WithBudget(kAdoptBudget), kAdoptTool, generation,
                       server.dialect.AdoptStatements(server.settings), what);
}

std::uint64_t NumberOf(const std::optional<std::string>& value) {
  std::uint64_t number = 0;
  if (value) std::from_chars(value->data(), value->data() + value->size(), number);
  return number;
}

}  // namespace dbagent::datastore::mysql
