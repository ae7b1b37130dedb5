# The primary fails, the standby takes over with its workspace, and pushes its changes back.
{ pkgs, ... }:
let
  hosts = import ./hosts.nix { inherit pkgs; };
in
{
  name = "openclaw-failover-takeover";
  nodes = {
    inherit (hosts) git primary standby;
  };
  testScript = ''
    workspace = "/home/openclaw/.openclaw/workspace"


    def write(host, name):
        host.succeed(f"runuser -u openclaw -- sh -c 'echo {name} > {workspace}/{name}.md'")


    start_all()
    git.wait_for_unit("sshd.service")
    git.succeed("git init --quiet --bare --initial-branch main /srv/memory.git; mkdir -m 700 -p /root/.ssh")
    for host in primary, standby:
        host.wait_for_unit("multi-user.target")
        host.succeed("runuser -u openclaw -- ssh-keygen -q -N ''' -t ed25519 -f /home/openclaw/.ssh/id_ed25519")
        key = host.succeed("cat /home/openclaw/.ssh/id_ed25519.pub").strip()
        git.succeed(f"echo '{key}' >> /root/.ssh/authorized_keys")
        host.succeed("ssh-keyscan git | runuser -u openclaw -- tee /home/openclaw/.ssh/known_hosts")

    with subtest("the primary's memory reaches the git host"):
        primary.succeed(f"runuser -u openclaw -- git init --quiet --initial-branch main {workspace}")
        write(primary, "before")
        primary.succeed("systemctl start openclaw-sync-push.service")
        git.succeed("git -C /srv/memory.git show main:before.md")

    with subtest("the standby watches, and its gateway is down"):
        standby.wait_until_succeeds("openclaw-failover status | grep 'primary: healthy'")
        standby.fail("systemctl is-active openclaw.service")

    with subtest("the standby takes over, and remembers"):
        primary.succeed("systemctl stop openclaw.service")
        standby.wait_until_succeeds("openclaw-failover status | grep '^role *active'")
        standby.succeed("systemctl is-active openclaw.service")
        standby.succeed(f"grep before {workspace}/before.md")
        write(standby, "meanwhile")

    with subtest("the standby steps aside, and its memory comes home"):
        primary.succeed("systemctl start openclaw.service")
        standby.wait_until_fails("systemctl is-active openclaw.service")
        git.wait_until_succeeds("git -C /srv/memory.git show failover/standby:meanwhile.md")
        primary.succeed("systemctl start openclaw-sync-push.service")
        primary.succeed(f"grep meanwhile {workspace}/meanwhile.md")
  '';
}
