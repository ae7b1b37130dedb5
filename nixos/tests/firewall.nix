# A serving standby is reachable from the tailnet only.
{ pkgs, ... }:
let
  hosts = import ./hosts.nix { inherit pkgs; };
in
{
  name = "openclaw-failover-firewall";
  nodes = {
    standby = {
      imports = [ hosts.standby ];
      virtualisation.vlans = [
        1
        2
      ];
      # The second network plays the tailnet.
      services.tailscale.interfaceName = "eth2";
    };
    outsider.virtualisation.vlans = [ 1 ];
    insider.virtualisation.vlans = [ 2 ];
  };
  testScript = ''
    start_all()
    standby.wait_for_unit("multi-user.target")
    standby.succeed("systemctl start openclaw.service")
    standby.wait_for_open_port(18789)
    outsider.wait_for_unit("multi-user.target")
    insider.wait_for_unit("multi-user.target")

    outside = standby.succeed("ip -4 -o addr show eth1 | grep -oP 'inet \\K[0-9.]+'").strip()
    inside = standby.succeed("ip -4 -o addr show eth2 | grep -oP 'inet \\K[0-9.]+'").strip()
    outsider.succeed(f"nc -z -w 5 {outside} 22")
    outsider.fail(f"nc -z -w 5 {outside} 18789")
    insider.succeed(f"nc -z -w 5 {inside} 18789")
  '';
}
