#pragma once

namespace dbagent::datastore::mysql {

// What every session of the agent's begins with, the loading tool's too: a server's own values,
// which root may have changed, must not change what our statements mean (quote.h relies on this
// sql_mode) or answer. One statement for both products: each runs only its own comment.
inline constexpr const char* kSessionSetup =
    "SET NAMES utf8mb4, SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', SESSION "
    "autocommit = 1, SESSION sql_select_limit = 18446744073709551615, SESSION sql_big_selects = 1 "
    "/*M! , SESSION tx_read_only = 0, SESSION max_statement_time = 0 */ "
    "/*!80013 , SESSION transaction_read_only = 0, SESSION max_execution_time = 0, SESSION "
    "sql_require_primary_key = 0 */";

}  // namespace dbagent::datastore::mysql
