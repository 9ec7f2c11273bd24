# The first machine again: its volume was with another one, where the server was stopped.

a_stopped_server_stays_stopped_over_a_boot() {
  within 30 systemctl --quiet is-active dbagentd.service
  within 60 is_stopped
  equal inactive "$(property $unit ActiveState)"
}

it_is_adopted_back_and_started() {
  ctl instance start
  healthy
  equal "$(recall fingerprint)" "$(fingerprint shop)"
}
