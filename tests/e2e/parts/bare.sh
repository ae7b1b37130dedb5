#!/bin/sh
# Builds the root file system of a bare host: Debian 12 with ssh. Labs cannot reach a mirror, so the packages that setup
# needs are in a local repository on the host.
#
# usage: bare.sh DIR [SUITE [OPTION OF MMDEBSTRAP…]]
set -eu
dir=$1
suite=${2:-bookworm}
shift "$(($# < 2 ? $# : 2))"
rm -rf "$dir.partial"
mmdebstrap --quiet --variant=minbase \
    --include=apt,systemd,systemd-sysv,libpam-systemd,dbus,openssh-server,iproute2,procps,ca-certificates,cron \
    "$@" "$suite" "$dir.partial"
mkdir -p "$dir.partial/var/log/journal"
: > "$dir.partial/etc/machine-id"
cp /etc/resolv.conf "$dir.partial/etc/resolv.conf"
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive \
    chroot "$dir.partial" sh -eu <<'INSIDE'
apt-get -q update > /dev/null
apt-get -q -y --no-install-recommends --download-only install \
    curl fail2ban git nftables openssh-client polkitd python3 python3-systemd \
    rsync sqlite3 sudo ufw unattended-upgrades > /dev/null
mkdir -p /opt/packages
mv /var/cache/apt/archives/*.deb /opt/packages/
cd /opt/packages
for file in *.deb; do
    dpkg-deb --field "$file"
    echo "Filename: ./$file"
    echo "Size: $(stat --format=%s "$file")"
    echo "SHA256: $(sha256sum "$file" | cut -d' ' -f1)"
    echo
done > Packages
rm -rf /var/lib/apt/lists/* /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/opt/packages ./' > /etc/apt/sources.list
: > /etc/resolv.conf
INSIDE
mv "$dir.partial" "$dir"
