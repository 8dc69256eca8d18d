#!/bin/sh
# Cordon's agent: the only thing that Cordon's SSH key may run on a host.
#
#   authorized_keys:  restrict,command="/usr/local/sbin/cordon-agent.sh /etc/cordon-agent.conf" ssh-ed25519 AAAA...
#   at boot:          cordon-agent.sh /etc/cordon-agent.conf boot       (see cordon-quarantine.service)
#
# The verb comes from SSH_ORIGINAL_COMMAND. Nothing in it is ever evaluated: its characters are whitelisted, and
# paths travel as base64. The reply is one line of JSON. Needs root, nft, coreutils and flock.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077

TABLE=cordon_quarantine
# Addresses that keep access to SSH_PORT while the host is isolated, separated by blanks. Decided on the host, not by the caller.
MANAGEMENT=
SSH_PORT=22
# More ports that these addresses keep, such as 3310 for clamd.
MANAGEMENT_PORTS=
STORE=/var/lib/cordon-agent
conf=${1:-/etc/cordon-agent.conf}
# shellcheck disable=SC1090
[ ! -r "$conf" ] || . "$conf"

fail() { printf '{"ok":false,"error":"%s","message":"%s"}\n' "$1" "$2"; exit "${3:-1}"; }
encode() { printf %s "$1" | base64 | tr -d '\n'; }
hash_of() { sha256sum <"$1" | cut -c 1-64; }

# Command substitution drops newlines at the end, which a path may have.
decode_path() {
  case $1 in '' | *[!A-Za-z0-9+/=]*) fail invalid_input 'the path is not base64' ;; esac
  path=$(printf %s "$1" | base64 -d 2>/dev/null; printf x)
  path=${path%x}
  case $path in /*) ;; *) fail invalid_input 'the path is not absolute' ;; esac
}

lock() {
  mkdir -p "$STORE/files" || fail internal 'the store cannot be created'
  exec 9>"$STORE/lock"
  flock -w 15 9 || fail unavailable 'another call is at work'
}

# --- isolation ---------------------------------------------------------------------------------------------

check_management() {
  [ -n "$MANAGEMENT" ] || fail misconfigured 'MANAGEMENT is not set: isolation would cut off Cordon too'
  for address in $MANAGEMENT; do
    case $address in *[!0-9a-f.:]*) fail misconfigured 'MANAGEMENT holds something that is no address' ;; esac
  done
  for port in "$SSH_PORT" $MANAGEMENT_PORTS; do
    case $port in '' | *[!0-9]*) fail misconfigured 'SSH_PORT or MANAGEMENT_PORTS holds something that is no number' ;; esac
  done
  [ -n "${SSH_CONNECTION:-}" ] || return 0
  # shellcheck disable=SC2086
  set -- $SSH_CONNECTION
  case " $MANAGEMENT " in *" $1 "*) ;; *) fail misconfigured 'the caller is not in MANAGEMENT: isolation would cut it off' ;; esac
  [ "$4" = "$SSH_PORT" ] || fail misconfigured 'the caller came in by another port than SSH_PORT'
}

family() { case $1 in *:*) echo ip6 ;; *) echo ip ;; esac; }

accepts() { # the accept rules of one direction: in or out
  case $1 in
    in) echo 'iifname "lo" accept' ;;
    out) echo 'oifname "lo" accept' ;;
  esac
  for address in $MANAGEMENT; do
    for port in "$SSH_PORT" $MANAGEMENT_PORTS; do
      case $1 in
        in) echo "$(family "$address") saddr $address tcp dport $port accept" ;;
        out) echo "$(family "$address") daddr $address tcp sport $port accept" ;;
      esac
    done
  done
  # IPv6 finds its neighbours by ICMPv6; without these a management address of that family is lost.
  case $MANAGEMENT in *:*) echo 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept' ;; esac
}

# One transaction. No rule for established connections: what is open is cut too. add+delete+add makes it repeatable.
ruleset() {
  cat <<NFT
add table inet $TABLE
delete table inet $TABLE
table inet $TABLE {
  chain q_in { type filter hook input priority -300; policy drop;
    $(accepts in)
    counter comment "cordon $1"
  }
  chain q_out { type filter hook output priority -300; policy drop;
    $(accepts out)
    counter
  }
  chain q_fwd { type filter hook forward priority -300; policy drop;
    counter
  }
}
NFT
}

# Reads back what the kernel has; an exit status proves nothing. Sets isolated and tag.
read_isolation() {
  isolated=false tag=
  listing=$(nft list table inet $TABLE 2>/dev/null) || return 0
  [ "$(printf '%s\n' "$listing" | grep -c 'hook [a-z]* priority .*policy drop;')" = 3 ] || return 0
  wanted=$( (accepts in; accepts out) | sort)
  # Every rule but the bare counters: one that accepts, jumps or returns in any form shows here.
  found=$(printf '%s\n' "$listing" | sed 's/^[[:space:]]*//' |
    grep -vE '^(table .*|chain .*|type filter hook .*|}|counter packets [0-9]+ bytes [0-9]+( comment "cordon [A-Za-z0-9-]*")?|)$' | sort)
  [ "$wanted" = "$found" ] || return 0
  isolated=true
  tag=$(printf '%s\n' "$listing" | sed -n 's/.*comment "cordon \([A-Za-z0-9-]*\)".*/\1/p' | head -n 1)
}

isolation_reply() {
  printf '{"ok":true,"agent":1,"isolated":%s,"tag":"%s","management":"%s","changed":%s}\n' "$isolated" "$tag" "$MANAGEMENT" "$1"
}

isolate() {
  case $1 in '' | *[!A-Za-z0-9-]*) fail invalid_input 'bad tag' ;; esac
  lock
  check_management
  read_isolation
  # One in force keeps its tag: whoever did it must still be able to lift it.
  [ "$isolated" = false ] || { isolation_reply false; exit 0; }
  ruleset "$1" >"$STORE/quarantine.nft.new" && mv -f "$STORE/quarantine.nft.new" "$STORE/quarantine.nft" || fail internal 'the store cannot be written'
  nft -f "$STORE/quarantine.nft" 2>/dev/null || { rm -f "$STORE/quarantine.nft"; fail internal 'nft refused the rules; nothing was changed'; }
  read_isolation
  [ "$isolated" = true ] || fail not_verified 'the rules were loaded, but the kernel shows others'
  isolation_reply true
}

release() {
  case $1 in *[!A-Za-z0-9-]*) fail invalid_input 'bad tag' ;; esac
  lock
  read_isolation
  changed=false
  if nft list table inet $TABLE >/dev/null 2>&1; then
    [ "$1" = any ] || [ -z "$tag" ] || [ "$tag" = "$1" ] || fail rejected 'the host was isolated by somebody else since'
    # First the copy for the next boot: a crash in between leaves the host isolated, not half released.
    rm -f "$STORE/quarantine.nft"
    nft delete table inet $TABLE || fail internal 'nft could not delete the table'
    changed=true
  else
    rm -f "$STORE/quarantine.nft"
  fi
  nft list table inet $TABLE >/dev/null 2>&1 && fail not_verified 'the table is still there'
  isolated=false tag=
  isolation_reply $changed
}

boot() {
  [ ! -f "$STORE/quarantine.nft" ] || nft -f "$STORE/quarantine.nft"
}

# --- files -------------------------------------------------------------------------------------------------

# An entry is <sha256>-<first 16 digits of the path's sha256>: two copies of one file are two entries.
path_key() { printf %s "$1" | sha256sum | cut -c 1-16; }
field() { sed -n "s/.*\"$2\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" "$STORE/files/$1.json"; }

newest_entry() { # of $path; sets entry
  entry=
  for candidate in "$STORE"/files/*-"$(path_key "$path")"; do
    [ -f "$candidate" ] || continue
    [ -z "$entry" ] || [ "$STORE/files/${candidate##*/}.json" -nt "$STORE/files/$entry.json" ] || continue
    entry=${candidate##*/}
  done
}

file_reply() { # changed
  present=null sha=
  if [ -L "$path" ] || [ -d "$path" ]; then present='"other"'
  elif [ -f "$path" ]; then
    sha=$(hash_of "$path") || fail internal 'the file cannot be read'
    present="\"$sha\""
  fi
  stored=
  for candidate in "$STORE"/files/*-"$(path_key "$path")"; do
    [ ! -f "$candidate" ] || { name=${candidate##*/}; stored="$stored${stored:+,}\"${name%-*}\""; }
  done
  newest_entry
  printf '{"ok":true,"present":%s,"stored":[%s],"newest":%s,"changed":%s}\n' \
    "$present" "$stored" "$( [ -n "$entry" ] && printf '"%s"' "${entry%-*}" || echo null )" "$1"
}

quarantine() { # path64 [sha256]
  decode_path "$1"
  case ${2:-} in *[!0-9a-f]*) fail invalid_input 'bad hash' ;; esac
  lock
  [ ! -L "$path" ] || fail rejected 'the path is a symbolic link'
  if [ ! -e "$path" ]; then
    newest_entry
    [ -z "${2:-}" ] || entry="$2-$(path_key "$path")"
    [ -n "$entry" ] && [ -f "$STORE/files/$entry" ] || fail not_found 'there is no such file'
    chmod 000 "$STORE/files/$entry"
    file_reply false
    exit 0
  fi
  [ -f "$path" ] || fail rejected 'the path is not a regular file'
  sha=$(hash_of "$path") && [ -n "$sha" ] || fail internal 'the file cannot be read'
  [ -z "${2:-}" ] || [ "$2" = "$sha" ] || fail rejected 'the file has another hash than the one to quarantine'
  entry="$sha-$(path_key "$path")"
  stat -c "{\"path64\":\"$(encode "$path")\",\"mode\":\"%a\",\"uid\":%u,\"gid\":%g,\"size\":%s,\"mtime\":\"%y\"}" "$path" >"$STORE/files/$entry.json" &&
    mv -f "$path" "$STORE/files/$entry" && chmod 000 "$STORE/files/$entry" || fail internal 'the file cannot be moved'
  [ "$(hash_of "$STORE/files/$entry")" = "$sha" ] || fail not_verified 'the file changed while it was moved; it is in the store'
  [ ! -e "$path" ] || fail not_verified 'the path exists again'
  file_reply true
}

restore() { # sha256 path64
  case $1 in *[!0-9a-f]*) fail invalid_input 'bad hash' ;; esac
  decode_path "$2"
  lock
  entry="$1-$(path_key "$path")"
  if [ ! -f "$STORE/files/$entry" ]; then
    [ -f "$path" ] && [ ! -L "$path" ] && [ "$(hash_of "$path")" = "$1" ] || fail not_found 'nothing is stored for it'
    file_reply false
    exit 0
  fi
  # What a crash between the link and the clean-up left.
  if [ -f "$path" ] && [ ! -L "$path" ] && [ "$(hash_of "$path")" = "$1" ] && [ -e "$STORE/files/$entry.restoring" ]; then
    rm -f "$STORE/files/$entry" "$STORE/files/$entry.json" "$STORE/files/$entry.restoring"
    file_reply true
    exit 0
  fi
  [ ! -e "$path" ] && [ ! -L "$path" ] || fail exists 'something else is at the path; it is left alone'
  [ -d "$(dirname "$path")" ] || fail not_found 'the folder is gone'
  [ "$(hash_of "$STORE/files/$entry")" = "$1" ] || fail not_verified 'the stored file is damaged'
  draft=$(mktemp "$(dirname "$path")/.cordon-restore-XXXXXX") || fail internal 'the folder cannot be written'
  : >"$STORE/files/$entry.restoring"
  # ln, unlike mv, refuses a target that has come up in the meantime.
  if cp "$STORE/files/$entry" "$draft" && chown "$(field "$entry" uid):$(field "$entry" gid)" "$draft" &&
    chmod "$(field "$entry" mode)" "$draft" && touch -d "$(field "$entry" mtime)" "$draft" && ln "$draft" "$path"; then
    rm -f "$draft"
  else
    rm -f "$draft" "$STORE/files/$entry.restoring"
    fail internal 'the file cannot be put back'
  fi
  [ "$(hash_of "$path")" = "$1" ] || fail not_verified 'the restored file has another hash'
  rm -f "$STORE/files/$entry" "$STORE/files/$entry.json" "$STORE/files/$entry.restoring"
  file_reply true
}

# --- triage ------------------------------------------------------------------------------------------------

exe_hashes() { # pid, sha256 and path of what each process runs; each binary is read once, deleted ones too
  for process in /proc/[0-9]*; do
    inode=$(stat -L -c %d:%i "$process/exe" 2>/dev/null) || continue
    printf '%s %s %s\n' "$inode" "${process#/proc/}" "$(readlink "$process/exe")"
  done | sort | (
    last=
    while read -r inode pid exe; do
      [ "$inode" = "$last" ] || { last=$inode sum=$(sha256sum <"/proc/$pid/exe" 2>/dev/null | cut -c 1-64); }
      printf '%s\t%s\t%s\n' "$pid" "${sum:-unreadable}" "$exe"
    done
  )
}

# A folder with too many files to read in time is listed as far as it was read.
recent_files() {
  for folder in /tmp /var/tmp /dev/shm; do
    timeout 5 find "$folder" -xdev -type f -printf '%T+\t%m\t%u\t%s\t%p\n' 2>/dev/null | sort -r | head -n 2000
  done
}

persistence() {
  for file in /etc/crontab /etc/cron.*/* /var/spool/cron/crontabs/* /etc/systemd/system/* /etc/ld.so.preload /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys; do
    [ ! -f "$file" ] || printf '%s\t%s\n' "$(hash_of "$file")" "$file"
  done
}

take() { # name, command...; at most 15 s and 8 MB each. What a host lacks is said in the artefact itself.
  name=$1
  shift
  file=$work/$name
  if command -v "$1" >/dev/null 2>&1; then
    case $1 in
      exe_hashes | recent_files | persistence) "$@" ;;
      *) timeout 15 "$@" ;;
    esac 2>&1 | head -c 8000000 >"$file"
  else
    echo "$1 is not installed on this host" >"$file"
  fi
  printf '%s{"name":"%s","sha256":"%s","data":"' "$separator" "$name" "$(hash_of "$file")"
  base64 <"$file" | tr -d '\n'
  printf '"}'
  separator=,
  rm -f "$file"
}

# The most volatile first (RFC 3227, 2.1).
triage() {
  work=$(mktemp -d) || fail internal 'no folder for the artefacts'
  trap 'rm -rf "$work"' EXIT
  separator=
  printf '{"ok":true,"artefacts":['
  take clock.txt date -u +%Y-%m-%dT%H:%M:%SZ
  take sockets.txt ss -Hanptu
  take listening.txt ss -Hlnptu
  take processes.txt ps -eo pid,ppid,user,lstart,args
  take executables.tsv exe_hashes
  take neighbours.txt ip neigh
  take addresses.txt ip addr
  take routes.txt ip route
  take firewall.txt nft list ruleset
  take logged-in.txt who -a
  take logins.txt last -Fw -n 500
  take modules.txt cat /proc/modules
  take accounts.txt cat /etc/passwd
  take persistence.tsv persistence
  take temporary-files.tsv recent_files
  take system.txt uname -a
  printf ']}\n'
}

# --- the verb ----------------------------------------------------------------------------------------------

[ "${2:-}" != boot ] || { boot; exit $?; }
command=${SSH_ORIGINAL_COMMAND:-}
case $command in *[!A-Za-z0-9+/=\ -]*) fail refused 'refused' 77 ;; esac
set -f
# shellcheck disable=SC2086
set -- $command
set +f
case "${1:-} $#" in
  'status 1') read_isolation; isolation_reply false ;;
  'isolate 2') isolate "$2" ;;
  'release 2') release "$2" ;;
  'file-status 2') decode_path "$2"; file_reply false ;;
  'quarantine 2' | 'quarantine 3') quarantine "$2" "${3:-}" ;;
  'restore-file 3') restore "$2" "$3" ;;
  'triage 1') triage ;;
  *) fail refused 'refused' 77 ;;
esac
