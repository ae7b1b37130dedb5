#!/bin/sh
# Builds the root file system of all hosts: a small Debian 12 on which OpenClaw has run before, with a workspace whose
# remote is on the primary. Needs root, mmdebstrap and a Debian mirror.
#
# usage: rootfs.sh DIR PRIMARY_ADDRESS OPENCLAW OPENCLAW_CONFIG
set -eu
dir=$1
primary=$2
openclaw=$3
config=$4

mmdebstrap --quiet --variant=minbase \
    --include=systemd,systemd-sysv,dbus,polkitd,git,rsync,openssh-server,openssh-client,iproute2 \
    --include=procps,nftables,sqlite3 bookworm "$dir.partial"
# The journal on disk survives a reboot; the suite reads every start of a gateway from it.
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

# A first start mostly compiles and creates state; doing it here saves time in dozens of starts.
cp "$config" "$dir.partial/home/openclaw/.openclaw/openclaw.json"
export dir openclaw
unshare --mount --net --pid --fork --kill-child sh -eu <<'ALONE'
ip link set lo up
mkdir -p "$dir.partial/opt/openclaw/node_modules"
mount --bind "$openclaw/node_modules" "$dir.partial/opt/openclaw/node_modules"
mount -t proc proc "$dir.partial/proc"
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$dir.partial" bash -eu <<'INSIDE'
install -d -m 700 -o openclaw -g openclaw /var/cache/openclaw
chown openclaw: /home/openclaw/.openclaw/openclaw.json
setpriv --reuid=openclaw --regid=openclaw --init-groups env HOME=/home/openclaw OPENCLAW_GATEWAY_TOKEN=once \
    OPENCLAW_NO_RESPAWN=1 NODE_COMPILE_CACHE=/var/cache/openclaw \
    /opt/openclaw/node_modules/node-binary/bin/node /opt/openclaw/node_modules/openclaw/openclaw.mjs gateway run \
    > /tmp/log 2>&1 &
gateway=$!
started() {
    exec 3<>/dev/tcp/127.0.0.1/18789 && printf 'GET /startupz HTTP/1.0\r\n\r\n' >&3 && grep -q '"started"' <&3
} 2> /dev/null
for _ in $(seq 180); do
    sleep 1
    if (started); then
        kill "$gateway"
        wait "$gateway" || true
        rm /tmp/log
        exit 0
    fi
done
cat /tmp/log
exit 1
INSIDE
ALONE
mv "$dir.partial" "$dir"
