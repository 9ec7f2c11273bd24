# Before the machine is switched off.

the_server_is_stopped_on_request() {
  ctl instance stop
  equal STOPPED "$(state)"
}
