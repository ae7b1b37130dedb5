# A standby that is rebooted while it serves continues to serve.
{ pkgs, ... }:
let
  hosts = import ./hosts.nix { inherit pkgs; };
in
{
  name = "openclaw-failover-reboot";
  nodes = {
    inherit (hosts) primary standby;
  };
  testScript = ''
    active = "openclaw-failover status | grep '^role *active'"

    start_all()
    standby.wait_until_succeeds("openclaw-failover status | grep 'primary: healthy'")
    primary.succeed("systemctl stop openclaw.service")
    standby.wait_until_succeeds(active)

    standby.shutdown()
    standby.start()
    standby.wait_for_unit("openclaw-failover.service")
    standby.wait_until_succeeds(active)
    standby.succeed("systemctl is-active openclaw.service")
  '';
}
