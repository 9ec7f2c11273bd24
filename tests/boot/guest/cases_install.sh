# The packages on a fresh machine.

the_machine_boots() {
  within 60 systemctl is-system-running --wait
}

one_run_of_apt_installs_the_agent_and_its_datastore() {
  install_packages /boot-test/packages/*.deb
  equal "" "$(dpkg --audit)"
}

the_server_is_installed_and_was_never_started() {
  equal inactive "$(property $unit ActiveState)"
  [ "$(property $unit ConditionTimestampMonotonic)" = 0 ] || equal no "$(property $unit ConditionResult)"
  not pgrep -u $server_user
  equal "" "$(journalctl -q -u $unit | grep -E 'Started|Starting' || true)"
  systemctl start $unit
  equal inactive "$(property $unit ActiveState)"
}

no_cluster_of_Debians_own_was_made() {
  [ $datastore = postgresql ] || return 0
  equal "" "$(ls -A /var/lib/postgresql/15/main 2>/dev/null || true)"
}

the_units_have_nothing_wrong_in_them() {
  local one
  for one in dbagentd.service dbagent-helper.service dbagent-helper.socket $unit; do
    equal "" "$(systemd-analyze verify --man=no $one 2>&1 | grep -i dbagent || true)"
  done
}

the_exposure_of_the_agent_is_at_most_2_0() {
  systemd-analyze security --no-pager --threshold=20 dbagentd.service | tail -n 1
  systemd-analyze security --no-pager --threshold=25 dbagent-helper.service | tail -n 1
}

files_and_sockets_belong_to_whom_they_should() {
  local line
  while read -r line; do
    equal "$line" "$(stat -c '%n %U:%G %a' "${line%% *}")"
  done <<FILES
/etc/dbagent/settings.yaml root:dbagent 640
/var/lib/dbagent root:root 755
/run/dbagent-server root:root 755
/run/dbagent-server/main $server_user:dbagent 2710
/run/dbagent-helper.sock root:dbagent 660
/var/log/dbagent root:root 755
FILES
}
