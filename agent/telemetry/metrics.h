#pragma once

#include "agent/telemetry/instruments.h"

namespace dbagent::telemetry {

// Every metric of the agent: the one place where it has its name, help and labels. Names and units
// follow Prometheus' conventions; those of the process bear the names that every client library
// gives them.
struct Metrics {
  Gauge build_info{"dbagent_build_info", "1, with the agent's version.", {"version"}};
  Gauge process_start{"process_start_time_seconds",
                      "When the agent was started, in seconds since 1970."};
  Gauge process_memory{"process_resident_memory_bytes", "Resident memory of the agent."};
  Gauge process_fds{"process_open_fds", "Open file descriptors of the agent."};

  Gauge datastore_up{"dbagent_datastore_up", "1 while the database server answers, else 0."};
  Gauge datastore_state{"dbagent_datastore_state",
                        "1 for the state that the instance is in, 0 for the others.",
                        {"state"}};

  Counter rpc_calls{"dbagent_rpc_calls_total",
                    "Calls of the API that ended, by method and gRPC status code.",
                    {"method", "code"}};

  Counter operations{"dbagent_operations_total",
                     "Operations that ended, by kind and outcome (succeeded, failed, cancelled, "
                     "orphaned).",
                     {"kind", "outcome"}};
  Gauge operations_running{
      "dbagent_operations_running", "Operations that have begun and not ended.", {"kind"}};
  Histogram operation_seconds{"dbagent_operation_duration_seconds",
                              "How long operations took, whatever became of them.",
                              {"kind"},
                              {0.01, 0.1, 1, 10, 60, 600, 3600, 14400, 86400}};

  Counter stage_bytes{"dbagent_stage_bytes_total",
                      "Bytes that went into a stage of a backup (source, compress, upload) or of "
                      "reading one (download, check, decompress, target), as they go.",
                      {"stage"}};
  Counter stage_busy{"dbagent_stage_busy_seconds_total",
                     "Time that the threads of a stage worked, summed up.",
                     {"stage"}};
  Counter stage_waited{"dbagent_stage_waited_seconds_total",
                       "Time that work waited for the stage (of source and download: that the "
                       "stage waited for memory or for the rate; of decompress and target: for "
                       "each other), summed up.",
                       {"stage"}};
  Gauge buffer_limit{"dbagent_stream_buffers_limit_bytes",
                     "Memory that streams may hold together (use: data, or readers of "
                     "`backup cat`).",
                     {"use"}};
  Gauge buffer_used{"dbagent_stream_buffers_used_bytes", "Memory that streams hold now.", {"use"}};

  Gauge backup_time{"dbagent_backup_last_success_timestamp_seconds",
                    "When the last backup was made (its manifest stored), in seconds since 1970, "
                    "by method. Known again after a restart of the agent.",
                    {"method"}};
  Gauge backup_seconds{
      "dbagent_backup_last_success_duration_seconds", "How long it took.", {"method"}};
  Gauge backup_source{"dbagent_backup_last_success_source_bytes",
                      "How much was read from the server for it.",
                      {"method"}};
  Gauge backup_stored{
      "dbagent_backup_last_success_stored_bytes", "How much was stored for it.", {"method"}};
  Gauge verify_time{"dbagent_backup_last_verify_timestamp_seconds",
                    "When a backup was last verified, in seconds since 1970, by level (chunks, "
                    "restore); of this life of the agent.",
                    {"level"}};
  Gauge verify_ok{"dbagent_backup_last_verify_ok",
                  "1 when that verification found nothing wrong, else 0.",
                  {"level"}};

  Counter store_requests{"dbagent_store_requests_total",
                         "Requests to an object store, by the store's name (`request`: all that "
                         "requests brought), verb and outcome: ok, "
                         "or the error's reason. One counts once, however often it was tried.",
                         {"store", "verb", "outcome"}};
  Histogram store_seconds{"dbagent_store_request_duration_seconds",
                          "How long they took, with all that they waited.",
                          {"store", "verb"},
                          {0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300}};
  Counter store_retries{"dbagent_store_retries_total",
                        "Attempts after the first one, by the reason of the one before.",
                        {"store", "reason"}};
  Counter store_sent{"dbagent_store_sent_bytes_total", "Bytes of objects stored.", {"store"}};
  Counter store_received{"dbagent_store_received_bytes_total", "Bytes of objects read.", {"store"}};
  Gauge store_concurrency{"dbagent_store_concurrency_limit",
                          "How many requests a store over HTTP gets at a time now; it falls while "
                          "the store says that there are too many.",
                          {"store"}};
};

Metrics& metrics();

}  // namespace dbagent::telemetry
