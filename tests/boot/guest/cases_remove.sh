# The packages go; the data stays.

removing_stops_the_agent_and_leaves_data_and_settings() {
  apt-get -qq -y -o Dpkg::Use-Pty=0 remove dbagent $package
  not pgrep -u dbagent
  not server_pid
  [ -e /etc/dbagent/settings.yaml ]
  [ ! -e /run/dbagent-helper.sock ]
  [ -d /var/lib/dbagent/current/data ]
}

installed_again_it_is_the_same_instance() {
  install_packages /boot-test/newer/*.deb
  within 120 healthy
  equal "$(recall instance)" "$(ctl_says instance get | jq -r .id)"
  equal "$(recall fingerprint)" "$(fingerprint shop)"
}

purging_all_of_it_and_the_server_leaves_the_volume_and_says_so() {
  local before said
  ctl instance stop
  before=$(cd /var/lib/dbagent && find generations -type f -printf '%p %s\n' | sort | sha256sum)
  said=$(apt-get -qq -y -o Dpkg::Use-Pty=0 purge dbagent $package 2>&1)
  echo "$said"
  grep -q "volume /var/lib/dbagent was left" <<<"$said"
  [ ! -e /etc/dbagent/settings.yaml ]
  [ -e /etc/dbagent/backup.key ]
  # Debian's own packages have their own idea of what a purge is
  apt-get -qq -y -o Dpkg::Use-Pty=0 purge mariadb-server postgresql-15 2>&1 || true
  equal "$before" "$(cd /var/lib/dbagent && find generations -type f -printf '%p %s\n' | sort | sha256sum)"
}

a_cluster_of_somebody_elses_is_left_alone() {
  [ $datastore = postgresql ] || return 0
  install_packages postgresql-15
  [ -e /etc/postgresql/15/main/postgresql.conf ] || pg_createcluster 15 main
  refused "unable to use cluster '15/main'" apt-get -qq -y -o Dpkg::Use-Pty=0 install /boot-test/newer/*.deb
  [ ! -L /etc/postgresql/15/main/postgresql.conf ]
  [ -d /var/lib/postgresql/15/main/base ]
}
