# What cases are made of. Each of these fails when what it says is not so.

say() { echo "-- $*"; }
fail() { echo "$*"; return 1; }

# Waits, at most SECONDS, until a command succeeds.
within() { # SECONDS COMMAND...
  local end=$((SECONDS + $1))
  shift
  until "$@" >/tmp/within 2>&1; do
    if [ $SECONDS -ge $end ]; then
      cat /tmp/within
      fail "not in time: $*"
      return 1
    fi
    sleep 0.2
  done
}

# The command fails, and says something that fits.
refused() { # REGEX COMMAND...
  local words=$1 said
  shift
  if said=$("$@" 2>&1); then
    echo "$said"
    fail "it should have failed: $*"
  fi
  grep -q -E -- "$words" <<<"$said" || { echo "$said"; fail "it failed, but not for '$words': $*"; }
}

# (`! command` ends no case)
not() { # COMMAND...
  if "$@"; then fail "it should not be so: $*"; fi
}

equal() { # WANTED FOUND
  [ "$1" = "$2" ] || fail "wanted '$1', found '$2'"
}

property() { systemctl show --value --property="$2" "$1"; } # UNIT NAME
pid_of() { property "$1" MainPID; } # UNIT
# The process bears another number, and the unit is active.
replaced() { # UNIT OLD-PID
  local now
  now=$(pid_of "$1")
  [ "$now" != "$2" ] && [ "$now" != 0 ] && systemctl --quiet is-active "$1"
}
process_field() { awk -v name="$2:" '$1 == name {print $2}' "/proc/$1/status"; } # PID FIELD

ctl() { timeout 300 dbagentctl "$@"; }

# What Debian's packages are needed is in apt's cache: there is no network.
install_packages() { # FILE or NAME...
  apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Progress-Fancy=0 install "$@" 2>&1 | grep -v -E '^\(Reading database|^(Selecting|Preparing|Unpacking) '
}

ctl_says() { ctl --json "$@"; }

# The server's state as the agent sees it.
state() { ctl_says instance get | jq -r .state; }
not_healthy() { [ "$(state)" != HEALTHY ]; }
is_stopped() { equal STOPPED "$(state)"; }
crashed() { equal CRASHED "$(state)"; }
# With the fields beside the message, which hold causes.
agent_says() { journalctl -b -u dbagentd.service -o json | grep -q -- "$1"; } # REGEX
server_pid() { pgrep -o -x -u $server_user "$(basename $server)"; }
replaced_server() { local now; now=$(server_pid) && [ "$now" != "$1" ]; } # OLD-PID
healthy() { equal HEALTHY "$(state)"; }
detail() { ctl_says instance get | jq -r .detail; }

# The server's unit with more lines in its section, until it is plain again or the machine boots.
with_unit() { # LINE...
  mkdir -p "/run/systemd/system/$unit.d"
  printf '%s\n' '[Service]' "$@" >"/run/systemd/system/$unit.d/test.conf"
  systemctl daemon-reload
}
plain_unit() { rm -rf "/run/systemd/system/$unit.d" && systemctl daemon-reload; }

# Long operations: begun here, followed from outside.
begin() { ctl_says --no-wait "$@" | jq -r .id; }
operation() { ctl_says operation get "$1" | jq -r "$2"; } # ID FIELD
ended() { [[ "$(operation "$1" .state)" =~ ^(SUCCEEDED|FAILED|CANCELLED|ORPHANED)$ ]]; }
moves() { [ "$(operation "$1" '"\(.state) \((.progress.bytes_done // "0" | tonumber) > 0)"')" = "RUNNING true" ]; }

# Facts that later cases need, also after another boot.
remember() { mkdir -p facts && printf '%s' "$2" >"facts/$1"; }
recall() { cat "facts/$1"; }

# As another user of the machine.
as() { runuser -u "$1" -- "${@:2}"; }

# A password for the agent (first line of the file) and for the plain client.
make_password() { # USER
  mkdir -p secrets && chmod 0711 secrets
  install -m 0600 /dev/null "secrets/$1"
  head -c 18 /dev/urandom | base64 >"secrets/$1"
  client_credentials "$1" "$(cat "secrets/$1")"
}

# What is in the big table, in a few characters.
fingerprint() { sql app "$1" <<<"$fingerprint_statement"; } # DATABASE
# Also when its state was asked for before anybody noticed that it died.
has_its_data() { healthy && equal "$(recall fingerprint)" "$(fingerprint shop)"; }
