#include "datastores/postgresql/driver.h"

#include "agent/os/child_process.h"
#include "agent/stream/fd_stream.h"
#include "datastores/postgresql/datastore.h"
#include "datastores/postgresql/tools.h"
#include "datastores/postgresql/versions.h"

namespace dbagent::datastore::postgresql {
namespace {

constexpr std::chrono::milliseconds kVersionBudget = std::chrono::seconds(10);

Result<std::string> ReadVersion(const os::Path& programs) {
  const OpContext ctx = OpContext().WithBudget(kVersionBudget);
  ASSIGN_OR_RETURN(stream::Pipe pipe, stream::MakePipe());
  os::ChildSpec spec;
  spec.name = "postgres";
  spec.program = programs / "postgres";
  spec.arguments = {"--version"};
  spec.environment = {{"LC_ALL", "C"}};
  spec.stdout_fd = pipe.write_end.get();
  ASSIGN_OR_RETURN(const std::unique_ptr<os::ChildProcess> child, os::ChildProcess::Spawn(spec));
  pipe.write_end.Reset();
  stream::FdSource output(std::move(pipe.read_end), "postgres");
  std::string text(256, '\0');  // one short line
  ASSIGN_OR_RETURN(const std::size_t got,
                   output.Read(ctx, std::as_writable_bytes(std::span(text))));
  text.resize(got);
  RETURN_IF_ERROR(os::WaitForSuccess(ctx, *child, "postgres"));
  return text;
}

class PostgresDriver : public Driver {
 public:
  Result<DatastoreInfo> Detect(const ServerSettings& settings) override {
    ASSIGN_OR_RETURN(const os::Path programs, FindPrograms(settings.programs));
    ASSIGN_OR_RETURN(const std::string output, ReadVersion(programs));
    return ParseVersion(output, settings.allow_unknown_major);
  }

  os::ToolTable Tools(const ServerSettings& settings, const DatastoreInfo& info) override {
    const Result<os::Path> programs = FindPrograms(settings.programs);
    // gone since Detect: every tool then answers PROGRAM_NOT_FOUND by its path
    return MakeTools(settings, info, programs.ok() ? *programs : settings.programs);
  }

  std::unique_ptr<Datastore> Open(const ServerSettings& settings, const DatastoreInfo& info,
                                  os::InstanceHost& host) override {
    return std::make_unique<PostgresDatastore>(settings, info, host);
  }
};

}  // namespace

std::unique_ptr<Driver> MakeDriver() {
  return std::make_unique<PostgresDriver>();
}

}  // namespace dbagent::datastore::postgresql
