# Hosts of the tests. Their gateways are stubs, and their thresholds are short.
{ pkgs, ... }:
let
  stub = pkgs.writers.writePython3Bin "openclaw" { } (builtins.readFile ./stub.py);
  repo = "root@git:/srv/memory.git";
in
{
  primary = {
    services.openclaw-failover = {
      enable = true;
      role = "primary";
      user.enable = true;
      workspace.repo = repo;
    };
    systemd.services.openclaw = {
      wantedBy = [ "multi-user.target" ];
      serviceConfig.User = "openclaw";
      serviceConfig.ExecStart = "${stub}/bin/openclaw";
    };
    networking.firewall.allowedTCPPorts = [ 18789 ];
    environment.systemPackages = [ pkgs.gitMinimal ];
  };

  standby = {
    services.openclaw-failover = {
      enable = true;
      settings = {
        upstreams = [ { urls = [ "http://primary:18789" ]; } ];
        probe.interval = "2s";
        probe.retry_interval = "1s";
        probe.timeout = "2s";
        promote.after = "10s";
        promote.witnesses = [ ];
        demote.after = "10s";
      };
      gateway.package = stub;
      gateway.settings.channels.telegram.enabled = true;
      workspace.repo = repo;
      # There is no network outside.
      tailscale.enable = false;
    };
  };

  git = {
    services.openssh.enable = true;
    environment.systemPackages = [ pkgs.gitMinimal ];
  };
}
