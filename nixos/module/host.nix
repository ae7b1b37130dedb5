# Settings of the host: logins, firewall, tailnet and upgrades. They are defaults of NixOS's own options, so your values
# have priority.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkDefault mkIf mkMerge;
  cfg = config.services.openclaw-failover;
  inherit (import ./derived.nix { inherit config lib pkgs; }) port;
in
{
  config = mkIf cfg.enable (mkMerge [
    (mkIf cfg.firewall.enable {
      networking.firewall.enable = mkDefault true;
      networking.firewall.interfaces.${config.services.tailscale.interfaceName}.allowedTCPPorts = [
        port
      ];
    })
    (mkIf cfg.fail2ban.enable {
      services.fail2ban.enable = mkDefault true;
    })
    (mkIf cfg.tailscale.enable {
      services.tailscale.enable = mkDefault true;
      services.tailscale.authKeyFile = mkIf (cfg.tailscale.authKeyFile != null) (
        mkDefault cfg.tailscale.authKeyFile
      );
    })
    (mkIf cfg.ssh.enable {
      services.openssh.enable = mkDefault true;
      services.openssh.settings = {
        PasswordAuthentication = mkDefault false;
        KbdInteractiveAuthentication = mkDefault false;
        PermitRootLogin = mkDefault "prohibit-password";
      };
    })
    (mkIf cfg.autoUpgrade.enable {
      system.autoUpgrade.enable = mkDefault true;
      system.autoUpgrade.allowReboot = mkDefault false;
    })
  ]);
}
