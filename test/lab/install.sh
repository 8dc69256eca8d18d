#!/bin/sh
# Installs what the lab runs, on Debian; does nothing when it is there. As root.
set -eu
packages='clamav-daemon clamav crowdsec iproute2 iputils-ping nftables openssh-server openssh-client openssl restic rsyslog
  samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind util-linux'
# shellcheck disable=SC2086
if dpkg -s $packages >/dev/null 2>&1; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The lab needs these Debian packages: $packages" >&2
  exit 1
fi
echo '== installing the packages of the lab'
export DEBIAN_FRONTEND=noninteractive
# No service may start by itself: the lab starts its own, in its own namespaces.
[ -e /usr/sbin/policy-rc.d ] || printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
# CrowdSec's package registers the machine with its makers, and fails where it cannot, unless this file has something in it.
online=/etc/crowdsec/online_api_credentials.yaml
[ -s "$online" ] || { mkdir -p /etc/crowdsec && echo '# this machine reports to nobody' >"$online"; }
apt-get -o DPkg::Lock::Timeout=600 update -q >/dev/null
# shellcheck disable=SC2086
apt-get -o DPkg::Lock::Timeout=600 install -y -q --no-install-recommends $packages >/dev/null
