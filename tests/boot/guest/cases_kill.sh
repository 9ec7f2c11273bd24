# kill -9 of each in the middle of each.

a_logical_backup_goes_on_after_the_agent_was_killed() { killed_in_the_middle agent logical_backup; }
a_physical_backup_goes_on_after_the_agent_was_killed() { killed_in_the_middle agent physical_backup; }
a_logical_restore_goes_on_after_the_agent_was_killed() { killed_in_the_middle agent logical_restore; }
a_physical_restore_goes_on_after_the_agent_was_killed() { killed_in_the_middle agent physical_restore; }
a_logical_backup_survives_or_ends_cleanly_when_the_helper_is_killed() { killed_in_the_middle helper logical_backup; }
a_physical_backup_survives_or_ends_cleanly_when_the_helper_is_killed() { killed_in_the_middle helper physical_backup; }
a_logical_restore_survives_or_ends_cleanly_when_the_helper_is_killed() { killed_in_the_middle helper logical_restore; }
a_physical_restore_survives_or_ends_cleanly_when_the_helper_is_killed() { killed_in_the_middle helper physical_restore; }
a_logical_backup_survives_or_ends_cleanly_when_the_server_is_killed() { killed_in_the_middle server logical_backup; }
a_physical_backup_survives_or_ends_cleanly_when_the_server_is_killed() { killed_in_the_middle server physical_backup; }
a_logical_restore_survives_or_ends_cleanly_when_the_server_is_killed() { killed_in_the_middle server logical_restore; }
a_physical_restore_survives_or_ends_cleanly_when_the_server_is_killed() { killed_in_the_middle server physical_restore; }
