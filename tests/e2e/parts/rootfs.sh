#!/bin/sh
# Builds the root file system that every host of the suite starts from: a small Debian 12 on which somebody has
# installed OpenClaw's user, with a workspace whose remote lies on the primary. Needs root, mmdebstrap and a Debian mirror.
#
# usage: rootfs.sh DIR PRIMARY_ADDRESS
set -eu
dir=$1
primary=$2

mmdebstrap --quiet --variant=minbase \
    --include=systemd,systemd-sysv,dbus,polkitd,git,rsync,openssh-server,openssh-client,iproute2,procps,nftables \
    bookworm "$dir.partial"
# A journal on disk outlives a reboot, and the suite reads every start of a gateway from it.
mkdir -p "$dir.partial/var/log/journal"
: > "$dir.partial/etc/machine-id"

env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PRIMARY="$primary" chroot "$dir.partial" sh -eu <<'INSIDE'
useradd --create-home --shell /bin/bash openclaw
cat > /root/as-openclaw.sh <<'OPENCLAW'
set -eu
cd ~
mkdir -p -m 700 .ssh .openclaw .openclaw/secrets
ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519
cp .ssh/id_ed25519.pub .ssh/authorized_keys
echo "$PRIMARY $(cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub)" > .ssh/known_hosts
git config --global user.name openclaw
git config --global user.email openclaw@localhost
git init -q --bare -b main workspace.git
git clone -q workspace.git .openclaw/workspace
cd .openclaw/workspace
git checkout -q -b main
echo 'what the agent remembers' > MEMORY.md
git add MEMORY.md
git commit -q -m 'Begin'
git push -q origin main
git branch -q --set-upstream-to=origin/main
git remote set-url origin "openclaw@$PRIMARY:workspace.git"
OPENCLAW
chmod 755 /root/as-openclaw.sh
cp /root/as-openclaw.sh /tmp/as-openclaw.sh
setpriv --reuid=openclaw --regid=openclaw --init-groups env HOME=/home/openclaw sh /tmp/as-openclaw.sh 2>&1 |
    sed '/empty repository/d'
rm /root/as-openclaw.sh /tmp/as-openclaw.sh
INSIDE
mv "$dir.partial" "$dir"
