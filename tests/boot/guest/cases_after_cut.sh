# The machine boots again after its power failed in the middle of a restore.

the_agent_is_back_and_the_restore_goes_on() {
  within 30 systemctl --quiet is-active dbagentd.service
  within 240 ended "$(recall cut)"
  equal SUCCEEDED "$(operation "$(recall cut)" .state)"
}

the_server_is_there_with_its_data() {
  within 60 healthy
  equal "$(recall fingerprint)" "$(fingerprint shop)"
  equal "$(recall instance)" "$(ctl_says instance get | jq -r .id)"
  equal "generations/$(ls /var/lib/dbagent/generations)" "$(readlink /var/lib/dbagent/current)"
}
