#pragma once

namespace dbagent::datastore::mysql {

// What every session of the agent's begins with, the loading tool's too: a server's own values,
// which root may have changed, must not change what our statements mean (quote.h relies on this
// sql_mode) or answer. One statement for both products: each runs only its own comment.
inline constexpr const char* kSessionSetup =
    "SET NAMES utf8mb4, SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', SESSION "
    "autocommit = 1, SESSION completion_type = 0, SESSION sql_select_limit = 18446744073709551615, "
    "SESSION sql_big_selects = 1, SESSION sql_safe_updates = 0, SESSION sql_auto_is_null = 0, "
    "SESSION sql_quote_show_create = 1, SESSION foreign_key_checks = 1, SESSION unique_checks = 1, "
    "SESSION group_concat_max_len = 1048576, SESSION lc_messages = 'en_US', SESSION wait_timeout = "
    "28800, SESSION net_read_timeout = 600, SESSION net_write_timeout = 600, SESSION "
    "lock_wait_timeout = 31536000 "
    "/*M! , SESSION tx_read_only = 0, SESSION max_statement_time = 0, SESSION max_session_mem_used "
    "= 9223372036854775807, SESSION idle_transaction_timeout = 0, SESSION "
    "idle_readonly_transaction_timeout = 0, SESSION idle_write_transaction_timeout = 0, SESSION "
    "sql_if_exists = 0 */ "
    "/*!80013 , SESSION transaction_read_only = 0, SESSION max_execution_time = 0, SESSION "
    "sql_require_primary_key = 0 */ "
    "/*!80030 , SESSION sql_generate_invisible_primary_key = 0, SESSION "
    "print_identified_with_as_hex = 0 */";

}  // namespace dbagent::datastore::mysql
