# Backups of both kinds, and what becomes of them.

a_logical_backup_is_restored() {
  ctl backup create --database shop
  local id
  id=$(newest_backup)
  remember logical "$id"
  ctl backup restore "$id" --database shop --as copy
  ctl grant give app all copy
  equal "$(recall fingerprint)" "$(fingerprint copy)"
  ctl database delete copy
}

a_physical_backup_is_verified_by_a_scratch_server() {
  ctl backup create --physical --verify restore
  remember physical "$(newest_backup)"
  not pgrep -f /var/lib/dbagent/scratch
}

a_lost_server_is_restored_from_its_files() {
  systemctl stop $unit
  find /var/lib/dbagent/current/data/ -mindepth 1 -delete
  ctl backup restore "$(recall physical)" --replace-everything
  healthy
  equal "$(recall fingerprint)" "$(fingerprint shop)"
  equal "$(readlink /var/lib/dbagent/current)" "generations/$(ls /var/lib/dbagent/generations)"
}
