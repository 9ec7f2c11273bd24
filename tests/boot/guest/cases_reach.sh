# What each user of the machine, and a tenant's superuser, can reach. The agent's own sandbox is not counted on: its user is
# tried without it.

the_servers_user_cannot_reach_what_is_the_agents() {
  local volume=/var/lib/dbagent agent
  agent=$(pid_of dbagentd.service)
  refused "denied" as $server_user cat /etc/dbagent/settings.yaml
  refused "denied" as $server_user cat /etc/dbagent/backup.key
  refused "denied" as $server_user cat /etc/dbagent/tls/agent.key
  refused "denied" as $server_user ls /run/credentials/dbagentd.service
  refused "denied" as $server_user ls $volume/agent
  refused "denied" as $server_user cat $volume/agent/digest.key
  refused "denied" as $server_user ls $volume/helper
  refused "denied" as $server_user rm -f $volume/current
  refused "denied" as $server_user touch $volume/config/x
  refused "denied" as $server_user touch $volume/generations/x
  refused "denied" as $server_user ls /run/dbagent-helper
  refused "denied" as $server_user ls /srv/backups
  refused "denied|permitted" as $server_user kill -TERM "$agent"
  refused "denied" as $server_user cat "/proc/$agent/environ"
  refused "denied" as $server_user cat "/proc/$agent/mem"
}

the_servers_user_gets_no_answer_of_the_agent_nor_of_its_helper() {
  refused . as $server_user dbagentctl --timeout 10 instance get
  refused "denied" as $server_user perl -e "$connect_to_helper"
  refused . as $server_user systemctl stop dbagentd.service
  refused . as $server_user systemctl stop $unit
  systemctl --quiet is-active dbagentd.service $unit
}

the_agents_user_cannot_reach_what_is_the_servers_or_roots() {
  local volume=/var/lib/dbagent
  refused "denied" as dbagent ls $volume/current/data
  refused "denied" as dbagent ls $volume/helper
  refused "denied" as dbagent ls /run/dbagent-helper
  refused "denied" as dbagent ln -sfn /tmp $volume/current
  refused "denied" as dbagent touch $volume/x
  refused "denied" as dbagent touch /etc/dbagent/x
  refused "denied" as dbagent touch /usr/lib/dbagent/datastores/x
  refused "denied" as dbagent cat /etc/shadow
  refused "denied" as dbagent cat /etc/dbagent/tls/agent.key
  refused "permitted" as dbagent kill -KILL "$(server_pid)"
  refused "permitted" as dbagent kill -KILL "$(pid_of dbagent-helper.service)"
  refused "denied" as dbagent cat "/proc/$(server_pid)/environ"
  refused . as dbagent systemctl stop $unit
  refused . as dbagent systemctl stop dbagent-helper.socket
  systemctl --quiet is-active $unit
}

only_the_agents_user_and_root_get_as_far_as_the_helpers_socket() {
  as dbagent perl -e "$connect_to_helper"
  refused "denied" as nobody perl -e "$connect_to_helper"
}

a_tenants_superuser_cannot_read_what_is_the_agents() {
  ctl root enable --password-file <(head -c 18 /dev/urandom | base64 | tee secrets/root)
  client_credentials root "$(cat secrets/root)"
  local one said
  for one in /etc/dbagent/settings.yaml /etc/dbagent/backup.key /etc/dbagent/tls/agent.key /run/credentials/dbagentd.service/backup.key \
    /var/lib/dbagent/agent/digest.key /var/lib/dbagent/agent/journal.sqlite3 /etc/shadow; do
    [ -e "$one" ]
    said=$(read_file "$one")
    say "$one: $said"
    grep -q -i -E 'denied|nothing' <<<"$said"
  done
}

a_tenants_superuser_cannot_write_what_is_the_agents() {
  local one
  write_file /tmp/written-by-the-server
  for one in /etc/dbagent/x /var/lib/dbagent/agent/x /var/lib/dbagent/config/x /var/lib/dbagent/x /run/dbagent/x /srv/backups/x; do
    refused . write_file $one
    [ ! -e $one ]
  done
}

a_tenants_superuser_gets_no_further_by_programs() {
  [ $datastore = postgresql ] || return 0
  local command said
  for command in 'dbagentctl --timeout 10 instance get' 'systemctl stop dbagentd' 'systemctl stop postgresql@15-main' 'su -c id'; do
    said=$(sql root postgres <<<"CREATE TEMP TABLE said (line text); COPY said FROM PROGRAM '($command) 2>&1; echo code \$?'; SELECT * FROM said;")
    say "$command: $said"
    not grep -q 'code 0' <<<"$said"
  done
  systemctl --quiet is-active dbagentd.service $unit
}

root_of_the_tenant_goes_again() {
  ctl root disable
  refused . sql root "$([ $datastore = postgresql ] && echo postgres || echo mysql)" <<<"SELECT 1;"
}
