# The power fails while the files of the whole server are replaced; the next boot's cases look what became of it.

the_power_fails_in_the_middle_of_a_restore() {
  local id
  id=$(begin_slowly physical_restore)
  remember cut "$id"
  within 60 moves "$id"
  touch cut
  sleep 60
}
