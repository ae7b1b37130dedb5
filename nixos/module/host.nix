# The host around it: logins, firewall, tailnet and upgrades. These are NixOS's own options. Your own values of them
# win, and the defaults of images and profiles (Google's turns the firewall off) do not.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkIf mkMerge;
  cfg = config.services.openclaw-failover;
  inherit (import ./derived.nix { inherit config lib pkgs; }) port;
  prefer = lib.mkOverride 900;
  interface = config.services.tailscale.interfaceName;
in
{
  config = mkIf cfg.enable (mkMerge [
    (mkIf cfg.firewall.enable {
      networking.firewall.enable = prefer true;
      # A tailscaled without an interface hands connections over on loopback.
      networking.firewall.interfaces = mkIf (interface != "userspace-networking") {
        ${interface}.allowedTCPPorts = [ port ];
      };
    })
    (mkIf cfg.fail2ban.enable {
      services.fail2ban.enable = prefer true;
    })
    (mkIf cfg.tailscale.enable {
      services.tailscale.enable = prefer true;
      services.tailscale.authKeyFile = mkIf (cfg.tailscale.authKeyFile != null) (
        prefer cfg.tailscale.authKeyFile
      );
    })
    (mkIf cfg.ssh.enable {
      services.openssh.enable = prefer true;
      services.openssh.settings = {
        PasswordAuthentication = prefer false;
        KbdInteractiveAuthentication = prefer false;
        PermitRootLogin = prefer "prohibit-password";
      };
    })
    (mkIf cfg.autoUpgrade.enable {
      system.autoUpgrade.enable = prefer true;
      system.autoUpgrade.allowReboot = prefer false;
    })
  ]);
}
