# A rebuild while the standby serves restarts the monitor, but not the gateway.
{ lib, pkgs, ... }:
let
  hosts = import ./hosts.nix { inherit pkgs; };
in
{
  name = "openclaw-failover-rebuild";
  nodes = {
    inherit (hosts) primary;
    standby = {
      imports = [ hosts.standby ];
      specialisation.changed.configuration = {
        services.openclaw-failover.settings.probe.timeout = lib.mkForce "1500ms";
        systemd.services.openclaw.environment.CHANGED = "yes";
        systemd.services.openclaw-failover.environment.CHANGED = "yes";
      };
    };
  };
  testScript = ''
    def pid(unit):
        return standby.succeed(f"systemctl show --property MainPID --value {unit}").strip()


    start_all()
    standby.wait_until_succeeds("openclaw-failover status | grep 'primary: healthy'")
    primary.succeed("systemctl stop openclaw.service")
    standby.wait_until_succeeds("openclaw-failover status | grep '^role *active'")
    gateway, monitor = pid("openclaw.service"), pid("openclaw-failover.service")

    standby.succeed("/run/current-system/specialisation/changed/bin/switch-to-configuration test")
    standby.succeed("openclaw-failover config | grep 1500ms")
    assert pid("openclaw.service") == gateway, "the gateway runs on"
    standby.wait_until_succeeds("systemctl is-active openclaw-failover.service")
    assert pid("openclaw-failover.service") != monitor, "the monitor is the new one"
    standby.wait_until_succeeds("openclaw-failover status | grep '^role *active'")
  '';
}
