#!/bin/sh
# First process of a host of the lab, in namespaces of its own: makes the root, says "root", waits for a line on stdin (its
# network is there), starts the services, says "up", and ends with everything on it when stdin is closed.
#
#   unshare --net --mount --pid --uts --ipc --fork --kill-child sh init.sh ROOT NAME [SERVICE...]
#
# ROOT holds etc, home, srv and what else is the host's own. Of the machine it sees /usr, read-only, and nothing else.
set -eu
root=$1 name=$2
shift 2

hostname "$name"
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mkdir -p usr proc dev run tmp root var/log var/lib var/tmp old local-sbin
chmod 1777 tmp var/tmp
chmod 700 root
for link in bin sbin lib lib32 lib64 libx32; do
  [ ! -L "/$link" ] || [ -e "$link" ] || cp -P "/$link" "$link"
done
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --bind local-sbin usr/local/sbin
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null:3 zero:5 full:7 random:8 urandom:9; do
  mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm run/sshd
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /run var/run 2>/dev/null || true
pivot_root . old
cd /
umount -l /old
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
echo root

read -r _
for service in "$@"; do
  case $service in
    rsyslogd) rsyslogd -n -f /etc/rsyslog.conf -i /run/rsyslogd.pid ;;
    sshd) /usr/sbin/sshd -D -f /etc/ssh/sshd_config ;;
    clamd) clamd --config-file=/etc/clamav/clamd.conf ;;
    *) echo "no service $service" >&2; exit 1 ;;
  esac >>"/var/log/$service.out" 2>&1 </dev/null &
done
echo up
exec 3<&0
# Not a read in the shell itself: this way it reaps what is left to it.
cat <&3 >/dev/null
