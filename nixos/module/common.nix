# The parts of both roles: the program, its configuration, the agent's account, and its ssh access to other hosts.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.openclaw-failover;
  inherit (import ./derived.nix { inherit config lib pkgs; }) settings user;
  json = pkgs.formats.json { };

  # The program checks it when the system is built.
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

  group = if cfg.user.group != null then cfg.user.group else user;
  # systemd-sysusers creates system users only.
  mustBeSystemUser = config.systemd.sysusers.enable;
  inherit (config.users.users.${user}) isSystemUser;

  # As their owners publish them: SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU,
  # SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8, SHA256:mIlxA9k46MmM6qdJOdMnAQpzGxF4WIVVL+fj+wZbw0g.
  published = {
    "github.com" = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    "gitlab.com" = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf";
    "codeberg.org" = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB";
  };
  # Named by host and key, so that entries which you or another module declare stay beside them.
  known = lib.concatLists (
    lib.mapAttrsToList (
      host: keys:
      map (key: {
        name = "${host} ${key}";
        value = {
          hostNames = [ host ];
          publicKey = key;
        };
      }) (if lib.isList keys then keys else [ keys ])
    ) cfg.knownHosts
  );
in
{
  config = lib.mkIf cfg.enable {
    # The command, and below share/ the polkit rule.
    environment.systemPackages = [ cfg.package ];
    environment.etc."openclaw-failover/config.json".source = file;

    users.users.${user} = lib.mkIf cfg.user.enable {
      isNormalUser = lib.mkDefault (!mustBeSystemUser);
      isSystemUser = lib.mkIf mustBeSystemUser true;
      # A person may log in as the agent, as on a host that has normal users.
      shell = lib.mkIf isSystemUser (lib.mkDefault pkgs.bashInteractive);
      home =
        if cfg.user.home != null then
          cfg.user.home
        else
          lib.mkIf isSystemUser (lib.mkDefault "/home/${user}");
      createHome = lib.mkIf isSystemUser (lib.mkDefault true);
      description = lib.mkDefault "OpenClaw";
      # Above the default of normal users, below yours.
      group = lib.mkOverride 900 group;
      openssh.authorizedKeys.keys = cfg.user.authorizedKeys;
    };
    users.groups.${group} = lib.mkIf cfg.user.enable { };

    services.openclaw-failover.knownHosts = lib.mapAttrs (_: lib.mkDefault) published;
    programs.ssh.knownHosts = lib.listToAttrs known;
    # Naming one key turns ssh's own list off, so the list follows: the user's other hosts know keys of that list. The
    # last line ends the block: what follows it, from wherever, holds for everybody again.
    programs.ssh.extraConfig = lib.mkIf (cfg.workspace.sshKeyFile != null) ''
      Match localuser ${user}
        IdentityFile ${cfg.workspace.sshKeyFile}
        IdentityFile ~/.ssh/id_rsa
        IdentityFile ~/.ssh/id_ecdsa
        IdentityFile ~/.ssh/id_ecdsa_sk
        IdentityFile ~/.ssh/id_ed25519
        IdentityFile ~/.ssh/id_ed25519_sk
      Match all
    '';
  };
}
