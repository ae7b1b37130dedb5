# Requests to systemd that the monitor's user may make, and that the agent may not.
{ pkgs, ... }:
let
  hosts = import ./hosts.nix { inherit pkgs; };
in
{
  name = "openclaw-failover-privileges";
  nodes.standby = hosts.standby;
  testScript = ''
    def ask(user, order):
        return f"runuser -u {user} -- systemctl --no-ask-password {order}"


    standby.wait_for_unit("openclaw-failover.service")

    with subtest("the monitor handles the gateway"):
        for verb in "start", "restart", "stop":
            standby.succeed(ask("openclaw-failover", f"{verb} openclaw.service"))

    with subtest("and nothing else"):
        for unit in "sshd.service", "polkit.service", "openclaw-failover.service":
            standby.fail(ask("openclaw-failover", f"stop {unit}"))
            standby.succeed(f"systemctl is-active {unit}")
        standby.fail(ask("openclaw-failover", "daemon-reload"))

    with subtest("the agent has no power over the monitor"):
        standby.fail(ask("openclaw", "stop openclaw-failover.service"))
        standby.fail("runuser -u openclaw -- ls /etc/openclaw-failover/credentials")
        standby.fail("runuser -u openclaw -- ls /var/lib/openclaw-failover")
  '';
}
