# A newer version while everything runs.

an_upgrade_while_a_backup_runs_ends_neither_it_nor_the_server() {
  local id agent helper server_before
  agent=$(pid_of dbagentd.service) helper=$(pid_of dbagent-helper.service) server_before=$(server_pid)
  id=$(begin_slowly physical_backup)
  within 60 moves "$id"
  install_packages /boot-test/newer/*.deb
  equal "" "$(dpkg --audit)"
  dpkg-query -W -f='${Version}\n' dbagent $package | grep -c newer | grep -q -x 2
  within 30 replaced dbagentd.service "$agent"
  [ "$helper" != "$(pid_of dbagent-helper.service)" ]
  within 240 ended "$id"
  equal SUCCEEDED "$(operation "$id" .state)"
  ctl backup verify "$(operation "$id" .backup_id)"
  equal "$server_before" "$(server_pid)"
  healthy
}

settings_that_were_changed_are_left_alone() {
  grep -q controller.test /etc/dbagent/settings.yaml
}
