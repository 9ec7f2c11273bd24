# Another machine, whose users bear other numbers, with the volume of the first.

the_packages_are_installed_beside_the_volume() {
  install_packages /boot-test/packages/*.deb
  within 30 systemctl --quiet is-active dbagentd.service
}

the_instance_is_the_same_and_its_server_runs() {
  within 120 healthy
  equal "$(recall instance)" "$(ctl_says instance get | jq -r .id)"
  equal "$(recall fingerprint)" "$(fingerprint shop)"
}

everything_belongs_to_the_users_of_this_machine() {
  equal "" "$(find -L /var/lib/dbagent/current/data -prune ! -user $server_user)"
  equal "" "$(find /var/lib/dbagent/generations -mindepth 2 ! -user $server_user)"
  equal "" "$(find /var/lib/dbagent/agent /var/lib/dbagent/config ! -user dbagent)"
  equal "" "$(find /var/lib/dbagent -nouser -o -nogroup)"
}

what_happened_before_is_still_in_the_journal() {
  ctl_says operation list --limit 100 | jq -r '.operations[].id' | grep -q -x -F "$(recall cut)"
  ctl config history
}

databases_and_users_are_made_as_before() {
  ctl database create adopted
  ctl user create newcomer --grant adopted=all --password-file secrets/app
  ctl config apply --set $parameter_with_restart=78 --restart
  healthy
}
