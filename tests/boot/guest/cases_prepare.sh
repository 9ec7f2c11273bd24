# The agent by its unit, and the first server.

the_agent_is_active_as_its_user_without_capabilities() {
  within 20 systemctl --quiet is-active dbagentd.service
  local pid set
  pid=$(pid_of dbagentd.service)
  equal "$(id -u dbagent)" "$(process_field "$pid" Uid)"
  for set in CapInh CapPrm CapEff CapBnd CapAmb; do equal 0000000000000000 "$(process_field "$pid" $set)"; done
  equal 1 "$(process_field "$pid" NoNewPrivs)"
  equal 2 "$(process_field "$pid" Seccomp)"
  equal "" "$(tr '\0' '\n' <"/proc/$pid/environ" | grep -i -E 'password|secret' || true)"
}

it_waits_for_Prepare_and_has_no_server() {
  equal NOT_PREPARED "$(state)"
  equal inactive "$(property $unit ActiveState)"
}

settings_with_a_store_keys_and_a_network_socket_are_taken_over() {
  local name
  install -d -m 0700 -o dbagent -g dbagent /srv/backups
  install -d -m 0700 /etc/dbagent/tls
  cp certificates/agent.key /etc/dbagent/tls/agent.key
  cp certificates/agent.crt certificates/ca.crt /etc/dbagent/
  ctl keys generate /etc/dbagent/backup.key
  cat >>/etc/dbagent/settings.yaml <<YAML
remote:
  listen: 127.0.0.1:8443
  certificate: /etc/dbagent/agent.crt
  key: /run/credentials/dbagentd.service/agent.key
  client_ca: /etc/dbagent/ca.crt
  peers: [{san: controller.test, role: admin}]
stores: [{name: local, kind: file, path: /srv/backups}]
encryption: {keys: [{id: boot, key: {credential: backup.key}}]}
YAML
  mkdir -p /etc/systemd/system/dbagentd.service.d
  cat >/etc/systemd/system/dbagentd.service.d/instance.conf <<'UNIT'
[Service]
ReadWritePaths=/srv/backups
LoadCredential=agent.key:/etc/dbagent/tls/agent.key
LoadCredential=backup.key:/etc/dbagent/backup.key
UNIT
  systemctl daemon-reload
  systemctl restart dbagentd.service
  equal NOT_PREPARED "$(state)"
}

a_caller_from_the_network_needs_the_right_certificate() {
  local over=(--address 127.0.0.1:8443 --server-name agent.test --ca certificates/ca.crt)
  equal NOT_PREPARED "$(ctl_says "${over[@]}" --certificate certificates/controller.crt --key certificates/controller.key instance get | jq -r .state)"
  refused . ctl "${over[@]}" --certificate certificates/stranger.crt --key certificates/stranger.key instance get
  refused . ctl "${over[@]}" --certificate certificates/foreign.crt --key certificates/foreign.key --timeout 5 instance get
}

Prepare_makes_a_server_under_Debians_own_unit() {
  ctl instance prepare --memory-mib 512 --allow-network 127.0.0.0/8
  healthy
  equal active "$(property $unit ActiveState)"
  local pid
  pid=$(pgrep -o -x -u $server_user "$(basename $server)")
  equal "$server" "$(readlink "/proc/$pid/exe")"
  grep -q "$unit" "/proc/$pid/cgroup"
  remember instance "$(ctl_says instance get | jq -r .id)"
}

the_volume_belongs_to_whom_it_should() {
  local volume=/var/lib/dbagent line
  while read -r line; do
    equal "$line" "$(stat -c '%n %U:%G %a' "${line%% *}")"
  done <<FILES
$volume root:root 755
$volume/agent dbagent:dbagent 700
$volume/config dbagent:dbagent 755
$volume/helper root:root 700
$volume/generations root:root 755
$(readlink -f $volume/current) root:root 755
$(readlink -f $volume/current)/data $server_user:$server_user 700
$(readlink -f $volume/current)/log $server_user:dbagent 2750
FILES
}

Debians_own_tools_know_the_cluster() {
  [ $datastore = postgresql ] || return 0
  pg_lsclusters --no-header | grep -E '^15 +main +5432 +online +postgres +/var/lib/dbagent/current/data'
}

databases_and_users_work_over_TCP() {
  make_password app
  make_password reporter
  ctl database create shop
  ctl user create app --grant shop=all --password-file secrets/app
  ctl user create reporter --grant shop=read-only --password-file secrets/reporter
  sql app shop <<<"$bulk_statements"
  local print
  print=$(fingerprint shop)
  [[ "$print" =~ ^60000 ]]
  equal "$print" "$(sql reporter shop <<<"$fingerprint_statement")"
  refused "denied|permission" sql reporter shop <<<"DELETE FROM bulk;"
  remember fingerprint "$print"
}

a_parameter_is_applied_with_a_restart_of_the_unit() {
  local before
  before=$(property $unit InvocationID)
  ctl config apply --set $parameter_with_restart=77 --restart
  healthy
  [ "$before" != "$(property $unit InvocationID)" ]
  ctl_says config describe $parameter_with_restart | grep -q 77
}
