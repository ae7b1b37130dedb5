#!/bin/sh
# Removes everything of a lab at the end of its stdin. The suite holds the other end, so this happens when the lab is
# dropped, and also when the suite panics, is interrupted or is killed.
#
# usage: undo.sh LAB
trap '' HUP INT TERM
cat > /dev/null
for host in "$1"/*/; do
    name=$(basename "$1")-$(basename "$host")
    for tree in /sys/fs/cgroup /sys/fs/cgroup/unified; do
        [ ! -e "$tree/$name/cgroup.kill" ] || echo 1 > "$tree/$name/cgroup.kill"
    done
    for tree in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        [ -d "$tree/$name" ] || continue
        for _ in $(seq 100); do
            find "$tree/$name" -depth -type d -exec rmdir {} + 2> /dev/null
            [ -d "$tree/$name" ] || break
            sleep 0.1
        done
    done
    [ ! -e "/run/netns/$name" ] || ip netns delete "$name"
    ! mountpoint -q "$host/root" || umount --lazy "$host/root"
done
rm -rf "$1"
