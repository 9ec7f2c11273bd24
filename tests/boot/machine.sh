# A Debian 12 that boots: made by debootstrap, cached, and for each use covered by a directory of its own (overlayfs), so that
# a use costs nothing and leaves nothing. Sourced by run.

# What a machine needs besides Debian's own: to look at /proc, and to read the agent's JSON.
readonly machine_packages=systemd,systemd-sysv,dbus,procps,jq,logrotate

# Prints why this machine cannot boot another one; nothing when it can.
why_not() {
  [ "$(id -u)" = 0 ] || { echo "only root can boot one"; return; }
  for program in systemd-nspawn debootstrap unshare; do
    command -v $program >/dev/null || { echo "$program is not installed (packaging/install-dependencies boot)"; return; }
  done
  local try
  try=$(mktemp -d)
  mkdir "$try"/{lower,upper,work,root}
  if ! mount -t overlay overlay -o "lowerdir=$try/lower,upperdir=$try/upper,workdir=$try/work" "$try/root" 2>/dev/null; then
    echo "overlayfs cannot be mounted here"
  else
    umount "$try/root"
    # somewhere below it a system manager must be able to make groups
    if ! grep -q -E ' cgroup2? ' /proc/mounts; then echo "no control groups are mounted here"; fi
  fi
  rm -rf "$try"
}

# Debian's repositories as this machine knows them: the base first.
debian_sources() {
  apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT) $(IDENTIFIER)' 2>/dev/null |
    awk '$1 == "Debian" && $3 ~ /^bookworm/ && $4 == "main" && $5 == "Packages" {print "deb", $2, $3, $4}' | sort -u | sort -k3
}

# Makes the base, unless there is one already of the same packages. In it lies, not yet installed, all that our packages
# depend on: a booted machine has no network.
make_base() { # DEB...
  local names key sources first
  names=$(for deb in "$@"; do dpkg-deb -f "$deb" Depends; done | tr ',' '\n' | sed 's/[(|].*//; s/ //g' | grep -v '^dbagent' | sort -u)
  key=$(printf '%s\n' "$machine_packages" "$names" "$(declare -f make_base)" | sha256sum | cut -c1-16)
  base=$work/base-$key
  [ ! -e "$base/complete" ] || return 0
  exec {base_lock}>"$work/base.lock"
  timeout 1200 flock "$base_lock"
  if [ -e "$base/complete" ]; then exec {base_lock}>&-; return 0; fi
  say "making the machine that others are copied from"
  rm -rf "$work"/base-*
  mkdir -p "$base"
  sources=$(debian_sources)
  [ -n "$sources" ] || { echo "this machine's apt knows no Debian 12" >&2; return 1; }
  first=$(head -n 1 <<<"$sources" | cut -d' ' -f2)
  timeout 900 debootstrap --variant=minbase "--include=$machine_packages" bookworm "$base/root" "$first" >"$base/log" 2>&1 || { tail -n 20 "$base/log" >&2; return 1; }
  echo "$sources" >"$base/root/etc/apt/sources.list"
  apt-config dump | grep -E '^Acquire::https?::Proxy' >"$base/root/etc/apt/apt.conf.d/proxy" || true
  # shellcheck disable=SC2086 # names are words
  unshare --mount bash -c '
    set -e
    root=$1; shift
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    mount -t proc proc "$root/proc"
    export DEBIAN_FRONTEND=noninteractive
    timeout 300 chroot "$root" apt-get -q update
    timeout 900 chroot "$root" apt-get -q -y --no-install-recommends -o APT::Keep-Downloaded-Packages=true --download-only install "$@"
  ' base "$base/root" $names >>"$base/log" 2>&1 || { tail -n 20 "$base/log" >&2; return 1; }
  mkdir -p "$base/root/var/log/journal"
  printf 'boot-test\n' >"$base/root/etc/hostname"
  rm -f "$base/root/etc/hosts" # what needs a name looked up, even its own, is to fail here
  # nothing of it need survive this machine's own power cut
  echo force-unsafe-io >"$base/root/etc/dpkg/dpkg.cfg.d/fast"
  touch "$base/complete"
  exec {base_lock}>&-
}

# A machine of its own: $1/root. Gone, with its mounts, when the script that made it ends (it has a mount namespace of its own).
make_machine() { # DIRECTORY
  mkdir -p "$1"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=$base/root,upperdir=$1/upper,workdir=$1/work" "$1/root"
  mkdir -p "$1/root/boot-test"
  cp -r "$here/guest/." "$1/root/boot-test/"
  # after everything else: it asks whether the boot went well
  cat >"$1/root/etc/systemd/system/boot-test.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=exec
ExecStart=/bin/bash /boot-test/phase
ExecStopPost=/bin/systemctl poweroff --no-block
[Install]
WantedBy=multi-user.target
UNIT
  mkdir -p "$1/root/etc/systemd/system/multi-user.target.wants"
  ln -sf ../boot-test.service "$1/root/etc/systemd/system/multi-user.target.wants/boot-test.service"
}

# Boots it, runs the cases of the named files, prints their results, and powers it off. When a case asks for it (it writes
# /boot-test/cut), the power fails: all of the machine's processes are killed at once.
# Fails when a case failed, or not all of them ran.
phase() { # NAME DIRECTORY VOLUME SECONDS CASES...
  local name=$1 machine=$2 volume=$3 seconds=$4
  shift 4
  local root=$machine/root log=$machine/$name.console began=$SECONDS cut=false boss init=
  rm -f "$root"/boot-test/{results,cut,finished}
  printf '%s\n' "$datastore" "$@" >"$root/boot-test/plan"
  mkdir -p "$volume"
  say "boot: $name"
  systemd-nspawn --quiet -D "$root" --register=no --keep-unit --private-network --resolv-conf=off --timezone=off --hostname=boot-test \
    --bind="$volume:/var/lib/dbagent" --boot </dev/null >"$log" 2>&1 &
  boss=$!
  while kill -0 $boss 2>/dev/null; do
    if [ -e "$root/boot-test/cut" ] && ! $cut; then
      cut=true init=$(pgrep -P $boss | head -n 1)
      kill -KILL "$init"
    fi
    if [ $((SECONDS - began)) -gt "$seconds" ]; then
      echo "it did not end in $seconds s" >&2
      init=$(pgrep -P $boss | head -n 1)
      [ -z "$init" ] || kill -KILL "$init"
      kill -TERM $boss 2>/dev/null || true
      break
    fi
    sleep 0.2
  done
  wait $boss 2>/dev/null || true
  tell "$name" "$machine" "$cut"
}

# Prints what became of a phase's cases, of failed ones with what they said, and of the phase with the machine's journal.
tell() { # NAME DIRECTORY CUT
  local name=$1 root=$2/root results=$2/root/boot-test/results failed=false sentence outcome seconds
  [ -e "$results" ] || { failed=true; echo "no case ran; the console:"; tail -n 40 "$2/$name.console"; }
  while IFS=$'\t' read -r sentence outcome seconds; do
    printf '  %-7s %5s s  %s\n' "$outcome" "$seconds" "$sentence"
    [ "$outcome" = ok ] && continue
    failed=true
    [ "$outcome" = "not run" ] || sed 's/^/      | /' "$root/boot-test/log/${sentence// /_}"
  done < <(cat "$results" 2>/dev/null)
  if ! $3 && [ ! -e "$root/boot-test/finished" ]; then failed=true; echo "  failed: not all cases of '$name' ran"; fi
  if $failed; then
    echo "      | the machine's journal:"
    # of systemd's own lines those that speak of us
    journalctl --directory="$root/var/log/journal" --no-pager -o short-precise -b 2>/dev/null |
      awk '(!/ systemd\[1\]: / || /dbagent|mariadb|postgres/) && !/runuser/' | tail -n 120 | cut -c1-400 | sed 's/^/      | /'
    return 1
  fi
}
