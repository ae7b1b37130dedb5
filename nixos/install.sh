#!/bin/sh
# Installs the units, the polkit rule and the sysusers entry below a prefix, with the program's path filled in. They are
# the same files as on Debian.
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

put lib/systemd/system src/setup/units/*.service src/setup/units/*.timer
put share/polkit-1/rules.d src/setup/units/50-openclaw-failover.rules
put lib/sysusers.d src/setup/units/openclaw-failover.conf
# The drop-in that makes a host a primary is only an example: each primary installs it itself.
put share/openclaw-failover src/setup/units/openclaw-sync-push-primary.conf
