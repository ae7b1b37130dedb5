#!/bin/sh
# Installs the units, the polkit rule and the sysusers entry below a prefix, with the path of the program put in. They are
# the files that a Debian host has, whatever the prefix: there is one of each.
#
# Usage, from the root of the repository: nixos/install.sh PREFIX
set -eu
prefix=$1

# put FOLDER FILE...
put() {
    mkdir -p "$prefix/$1"
    folder=$1
    shift
    for file in "$@"; do
        sed "s|/usr/local/bin/openclaw-failover|$prefix/bin/openclaw-failover|g" "$file" > "$prefix/$folder/${file##*/}"
    done
}

put lib/systemd/system src/setup/*.service src/setup/*.timer
put share/polkit-1/rules.d src/setup/50-openclaw-failover.rules
put lib/sysusers.d src/setup/openclaw-failover.conf
# The drop-in that makes a host a primary is not for every host: the declaration of a primary puts it in its place.
put share/openclaw-failover src/setup/openclaw-sync-push-primary.conf
