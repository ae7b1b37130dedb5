# Stand-ins for the options of NixOS that the module and the examples define, for machines without NixOS. They accept
# any value.
{ lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  free = option (types.attrsOf types.anything) { };
  list = option (types.listOf types.anything) [ ];
  switch = option types.bool false;
in
{
  options = {
    assertions = list;
    warnings = option (types.listOf types.str) [ ];
    boot = free;
    environment.etc = free;
    environment.systemPackages = list;
    fileSystems = free;
    home-manager.users = free;
    networking.hostName = option types.str "host";
    networking.firewall.enable = switch;
    networking.firewall.allowedTCPPorts = list;
    networking.firewall.interfaces = free;
    nixpkgs.config = free;
    nixpkgs.flake.source = option (types.nullOr types.str) null;
    programs.ssh.extraConfig = option types.lines "";
    programs.ssh.knownHosts = free;
    programs.ssh.package = option types.package pkgs.openssh;
    security.polkit.enable = switch;
    services.fail2ban.enable = switch;
    services.openssh.enable = switch;
    services.openssh.settings = free;
    services.openclaw.enable = switch;
    services.openclaw-gateway = import ./openclaw-gateway.nix { inherit lib; };
    services.tailscale.authKeyFile = option (types.nullOr types.path) null;
    services.tailscale.enable = switch;
    services.tailscale.interfaceName = option types.str "tailscale0";
    services.tailscale.package = option types.package pkgs.tailscale;
    # Kept as it is, priorities included.
    specialisation = option (types.attrsOf (
      types.submodule { options.configuration = option types.unspecified { }; }
    )) { };
    sops.secrets = import ./sops.nix { inherit lib; };
    system.autoUpgrade = free;
    system.etc.overlay = free;
    system.forbiddenDependenciesRegexes = list;
    system.stateVersion = option types.str "";
    systemd.packages = list;
    systemd.services = option (types.attrsOf (
      types.submodule {
        freeformType = types.attrsOf types.anything;
        options.path = list;
        options.restartIfChanged = option types.bool true;
      }
    )) { };
    systemd.sysusers.enable = switch;
    systemd.timers = free;
    systemd.tmpfiles.rules = list;
    users.groups = free;
    users.users = option (types.attrsOf (
      types.submodule (
        { name, ... }:
        {
          freeformType = types.attrsOf types.anything;
          options.home = option types.str "/home/${name}";
          options.createHome = switch;
          options.isNormalUser = switch;
          options.isSystemUser = switch;
          options.shell = option types.anything null;
          options.openssh.authorizedKeys.keys = list;
          options.openssh.authorizedKeys.keyFiles = list;
        }
      )
    )) { };
    users.mutableUsers = option types.bool true;
    services.userborn.enable = switch;
    virtualisation = free;
  };
}
