# What systemd does, and what others do to the units.

an_agent_that_works_is_left_alone_by_the_watchdog() {
  local before
  before=$(pid_of dbagentd.service)
  sleep 35 # WatchdogSec= is 30 s
  equal "$before" "$(pid_of dbagentd.service)"
}

an_agent_that_hangs_is_killed_by_the_watchdog_and_the_server_never_notices() {
  local agent server_before
  agent=$(pid_of dbagentd.service) server_before=$(server_pid)
  kill -STOP "$agent"
  within 70 replaced dbagentd.service "$agent"
  journalctl -u dbagentd.service -b | grep -i watchdog
  within 30 healthy
  equal "$server_before" "$(server_pid)"
}

a_server_that_is_killed_is_started_by_its_unit_and_found_again() {
  local before
  before=$(server_pid)
  kill -KILL "$before"
  within 60 replaced_server "$before"
  within 60 healthy
}

a_unit_stopped_behind_our_back_is_told_and_started_when_asked() {
  systemctl stop $unit
  within 20 not_healthy
  say "$(state): $(detail)"
  ctl instance start
  healthy
}

a_stop_that_was_asked_for_lasts() {
  ctl instance stop
  equal STOPPED "$(state)"
  systemctl start $unit # whoever does that: the condition says no
  equal inactive "$(property $unit ActiveState)"
  systemctl restart dbagentd.service
  equal STOPPED "$(state)"
}

a_masked_unit_is_told() {
  systemctl mask --runtime $unit
  refused "is masked" ctl instance start
  systemctl unmask --runtime $unit
  ctl instance start
  healthy
}

a_crash_loop_is_told_with_its_reason_and_mended_by_start() {
  mount --bind /bin/false $server
  kill -KILL "$(server_pid)"
  within 60 crashed
  [ -n "$(detail)" ]
  say "$(detail)"
  umount $server
  ctl instance start
  healthy
  equal "$(recall fingerprint)" "$(fingerprint shop)"
}

a_start_that_fails_says_why() {
  ctl instance stop
  mount --bind /bin/false $server
  refused . ctl instance start
  umount $server
  ctl instance start
  healthy
}

a_start_is_done_when_the_server_answers_whatever_its_unit_still_does() {
  local began=$SECONDS
  trap plain_unit EXIT
  ctl instance stop
  with_unit 'ExecStartPost=/bin/sleep 40'
  ctl instance start
  healthy
  equal start-post "$(property $unit SubState)"
  [ $((SECONDS - began)) -lt 35 ]
  ctl instance stop
  is_stopped
  plain_unit
  ctl instance start
  healthy
}

a_unit_that_hangs_at_its_start_is_told_and_can_be_stopped() {
  local began=$SECONDS
  trap plain_unit EXIT
  ctl instance stop
  with_unit 'ExecStartPre=/bin/sleep 600'
  refused "has no process after 120 s \(it is activating, start-pre\)" ctl instance start
  [ $((SECONDS - began)) -lt 160 ] # once: it is not the configuration's fault
  say "$(state): $(detail)"
  not healthy
  ctl instance stop
  is_stopped
  [[ "$(property $unit ActiveState)" =~ ^(inactive|failed)$ ]] # its ExecStartPre= was killed
  plain_unit
  ctl instance start
  healthy
}

a_server_whose_unit_does_not_stop_is_killed_when_the_time_is_over() {
  local began=$SECONDS before
  trap plain_unit EXIT
  before=$(server_pid)
  with_unit 'ExecStop=/bin/sleep 300'
  ctl instance stop --stop-timeout 5
  is_stopped
  [ $((SECONDS - began)) -ge 5 ]
  [ $((SECONDS - began)) -lt 60 ]
  [ ! -e "/proc/$before" ]
  plain_unit
  ctl instance start
  healthy
}

settings_are_checked_at_a_shell_with_what_the_agent_may_read() {
  local said
  said=$(dbagentd --check-config)
  grep -q "not checked: credential 'backup.key'" <<<"$said"
  grep -q "no problems" <<<"$said"
  sed "s,{credential: backup.key},{file: /etc/dbagent/backup.key}," /etc/dbagent/settings.yaml >/tmp/checked.yaml
  install -m 0640 -g dbagent /tmp/checked.yaml /etc/dbagent/checked.yaml
  refused "unable to read file '/etc/dbagent/backup.key': Permission denied" dbagentd --settings /etc/dbagent/checked.yaml --check-config
  chown dbagent: /etc/dbagent/backup.key
  dbagentd --settings /etc/dbagent/checked.yaml --check-config
  chown root: /etc/dbagent/backup.key
  rm /etc/dbagent/checked.yaml /tmp/checked.yaml
}

settings_are_read_again_and_refused_as_a_whole_when_they_are_wrong() {
  local before
  before=$(pid_of dbagentd.service)
  cp -p /etc/dbagent/settings.yaml /tmp/settings.yaml
  trap 'cp -p /tmp/settings.yaml /etc/dbagent/settings.yaml' EXIT
  echo 'nonsense: true' >>/etc/dbagent/settings.yaml
  systemctl reload dbagentd.service
  within 10 agent_says nonsense
  healthy
  cp /tmp/settings.yaml /etc/dbagent/settings.yaml
  systemctl reload dbagentd.service
  sleep 1
  healthy
  equal "$before" "$(pid_of dbagentd.service)"
}
