#!/bin/sh
# Boots one host in a separate control group: nspawn names its groups `payload` and `supervisor` below the caller's, and
# two hosts in one group would see, and kill, the processes of each other's units.
#
# A host manages its network and packet filter itself, as any host does.
#
# usage: boot.sh NAME ROOT OPENCLAW SHARED
set -eu
for tree in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [ -e "$tree/cgroup.procs" ] || continue
    mkdir -p "$tree/$1"
    echo $$ > "$tree/$1/cgroup.procs"
done
exec env -i PATH="$PATH" systemd-nspawn --quiet --register=no --keep-unit --console=pipe --boot \
    --machine="$1" --directory="$2" --network-namespace-path="/run/netns/$1" --capability=CAP_NET_ADMIN \
    --resolv-conf=off --timezone=off \
    --bind-ro="$3/node_modules:/opt/openclaw/node_modules" --bind="$4:/opt/shared"
