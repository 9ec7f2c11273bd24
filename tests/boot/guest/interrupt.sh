# Something is killed in the middle of an operation: whatever becomes of the operation, all must be well afterwards.

newest_backup() { ctl_says backup list | jq -r '.backups[0].id'; }
stored_backups() { ctl_says backup list | jq -r '.backups[].id' | sort; }
has_database() { ctl_says database list | jq -r '.databases[].name' | grep -q -x "$1"; }

# An operation slow enough to have a middle.
begin_slowly() { # WHAT
  case $1 in
    logical_backup) begin backup create --database shop --rate 2MiB ;;
    physical_backup) begin backup create --physical --rate 12MiB ;;
    logical_restore) begin backup restore "$(recall logical)" --database shop --as again --rate 1MiB ;;
    physical_restore) begin backup restore "$(recall physical)" --replace-everything --rate 1MiB ;;
  esac
}

kill_it() { # agent|helper|server
  case $1 in
    agent) kill -KILL "$(pid_of dbagentd.service)" ;;
    helper) kill -KILL "$(pid_of dbagent-helper.service)" ;;
    server) kill -KILL "$(server_pid)" ;;
  esac
}

killed_in_the_middle() { # VICTIM WHAT
  local id before backups
  backups=$(stored_backups)
  before=$(server_pid)
  id=$(begin_slowly "$2")
  within 60 moves "$id"
  kill_it "$1"
  within 240 ended "$id"
  all_is_well "$1" "$2" "$id" "$backups"
  # only a restore of all or its own death ends the server
  [ "$1" = server ] || [ "$2" = physical_restore ] || equal "$before" "$(server_pid)"
}

all_is_well() { # VICTIM WHAT OPERATION BACKUPS-BEFORE
  local outcome backup
  outcome=$(operation "$3" .state)
  say "$2, $1 killed: $outcome $(operation "$3" '.error.message // ""')"
  # what the agent's death interrupts goes on
  [ "$1" != agent ] || equal SUCCEEDED "$outcome"
  [ "$outcome" = SUCCEEDED ] || [ "$outcome" = FAILED ]
  [ "$outcome" != FAILED ] || [ -n "$(operation "$3" .error.reason)" ]
  within 90 has_its_data
  systemctl --quiet is-active dbagentd.service
  equal "generations/$(ls /var/lib/dbagent/generations)" "$(readlink /var/lib/dbagent/current)"
  case $2-$outcome in
    *_backup-SUCCEEDED)
      backup=$(operation "$3" .backup_id)
      ctl backup verify "$backup"
      ctl backup delete "$backup" ;;
    *_backup-FAILED) equal "$4" "$(stored_backups)" ;;
    logical_restore-SUCCEEDED)
      ctl grant give app all again
      equal "$(recall fingerprint)" "$(fingerprint again)"
      ctl database delete again ;;
    logical_restore-FAILED) not has_database again ;;
  esac
  # and it can be done again
  ctl database create afterwards
  ctl database delete afterwards
}

# A program for perl: connect to the helper's socket (SOCK_SEQPACKET).
connect_to_helper='use Socket; socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die "$!"; connect($s, sockaddr_un("/run/dbagent-helper.sock")) or die "$!\n"'
