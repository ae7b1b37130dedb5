# What both roles need: the program, its configuration, the agent's user, and how that user reaches other hosts.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.openclaw-failover;
  inherit (import ./derived.nix { inherit config lib pkgs; }) settings;
  json = pkgs.formats.json { };

  # The program judges it when the system is built.
  file =
    pkgs.runCommand "config.json"
      {
        written = json.generate "openclaw-failover.json" settings;
      }
      ''
        ${lib.optionalString (pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform) ''
          ${cfg.package}/bin/openclaw-failover config --check $written ${
            lib.optionalString (cfg.role == "primary") "--primary"
          }
        ''}
        cp $written $out
      '';
in
{
  config = lib.mkIf cfg.enable {
    # The command, and below share/ the polkit rule.
    environment.systemPackages = [ cfg.package ];
    environment.etc."openclaw-failover/config.json".source = file;

    users.users.openclaw = lib.mkIf cfg.user.enable {
      isNormalUser = lib.mkDefault true;
      description = lib.mkDefault "OpenClaw";
      # The units say so too.
      group = "openclaw";
      openssh.authorizedKeys.keys = cfg.user.authorizedKeys;
    };
    users.groups.openclaw = lib.mkIf cfg.user.enable { };

    programs.ssh.knownHosts = lib.mapAttrs (_: key: { publicKey = key; }) cfg.knownHosts;
    programs.ssh.extraConfig = lib.mkIf (cfg.workspace.sshKeyFile != null) ''
      Match localuser openclaw
        IdentityFile ${cfg.workspace.sshKeyFile}
    '';
  };
}
