# Options of this host. Those of the monitor's and the gateway's configuration are in files of their own.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) literalExpression mkOption types;
  inherit (import ./types.nix { inherit lib; }) account plainPath runtimePath;
  cfg = config.services.openclaw-failover;

  switch =
    description:
    mkOption {
      type = types.bool;
      default = false;
      example = true;
      inherit description;
    };
  # On for a standby, which may be a new host; off for a primary, which stays as it is.
  onStandby =
    description:
    switch description
    // {
      default = cfg.role == "standby";
      defaultText = literalExpression ''role == "standby"'';
      example = false;
    };
in
{
  options.services.openclaw-failover = {
    enable = lib.mkEnableOption "this host's part in an OpenClaw failover";

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ../package.nix { };
      defaultText = literalExpression "pkgs.callPackage ./nixos/package.nix { }";
      example = literalExpression "pkgs.openclaw-failover";
      description = "Package of the program, built by default from the host's own nixpkgs.";
    };

    role = mkOption {
      type = types.enum [
        "standby"
        "primary"
      ];
      default = "standby";
      example = "primary";
      description = ''
        Role of this host. A `standby` watches the primary and serves while the primary is down: the module declares
        monitor, gateway, workspace, secrets, and a hardened host. On a `primary` it declares only the regular push of
        the workspace.
      '';
    };

    user = {
      enable = onStandby ''
        Declares the agent's user and group. On a primary they usually exist already: declared by nix-openclaw's module,
        for example, or by you in `users.users`.
      '';
      name = mkOption {
        type = account;
        default = "openclaw";
        example = "me";
        description = "User that runs OpenClaw and owns the workspace. The syncs, and a standby's gateway, run as it.";
      };
      group = mkOption {
        type = types.nullOr account;
        default = null;
        example = "users";
        description = "Group of that user. Default: the one in `users.users`, or else a group with the user's name.";
      };
      home = mkOption {
        type = types.nullOr plainPath;
        default = null;
        example = "/srv/claw";
        description = "Home of that user. Default: the one in `users.users`, or else `/home/NAME`.";
      };
      authorizedKeys = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA… me@laptop" ];
        description = "Public ssh keys that may log in as that user, where `user.enable` declares it.";
      };
    };

    workspace = {
      repo = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "git@example.org:me/memory.git";
        description = ''
          Private git repository of the agent's workspace, `settings.workspace.url`. A standby clones it if the
          workspace is not a checkout yet. On a primary, OpenClaw creates the checkout, and this becomes its remote.
        '';
      };
      sshKeyFile = mkOption {
        type = types.nullOr runtimePath;
        default = null;
        example = "/run/secrets/openclaw-ssh-key";
        description = ''
          Private ssh key of the agent's user for the git host, and for the hosts from which secrets are copied. That
          user must be able to read it (sops-nix: `owner = "openclaw"`), and it must be outside /home, which is hidden
          from the syncs. ssh offers it to every host, before the keys in the user's `.ssh`. Default: only those keys.
        '';
      };
    };

    knownHosts = mkOption {
      type = types.attrsOf (types.either types.str (types.listOf types.str));
      default = { };
      defaultText = literalExpression "the published keys of github.com, gitlab.com and codeberg.org";
      example."git.example.org" = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA…" ];
      description = ''
        Public ssh keys of the git host, and of the hosts from which secrets are copied: one key or several per host. A
        host with an unknown key is never trusted. The published keys of github.com, gitlab.com and codeberg.org are
        included; your own value for one of them replaces it.
      '';
    };

    credentialsDirectory = mkOption {
      type = runtimePath;
      default = "/etc/openclaw-failover/credentials";
      example = "/run/secrets/openclaw-failover";
      description = ''
        Directory with the credentials that the configuration names, one regular file each, readable by root only;
        systemd passes copies to the monitor. The default directory is created and may stay empty. Any other must exist
        before the monitor starts, and links in it are ignored.
      '';
    };

    drill = {
      enable = switch "Runs failover drills regularly on a standby, by `openclaw-failover-drill.timer`.";
      onCalendar = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "Wed 10:00";
        description = "Time of the drills, as in systemd.time(7). Default: twice a month.";
      };
    };

    firewall.enable = onStandby ''
      Enables `networking.firewall`, the equivalent of Debian's `ufw`, and opens the gateway's port on the tailnet's
      interface only. ssh stays open through `services.openssh.openFirewall`.
    '';

    fail2ban.enable = onStandby "Enables `services.fail2ban`, which bans addresses after failed logins.";

    tailscale = {
      enable = onStandby "Enables `services.tailscale`, the network between primary and standby.";
      authKeyFile = mkOption {
        type = types.nullOr runtimePath;
        default = null;
        example = "/run/secrets/tailscale";
        description = "File with the key that joins this host to the tailnet. Without it, run `tailscale up` once.";
      };
    };

    ssh.enable = onStandby "Enables sshd, and disables logins with passwords.";

    autoUpgrade.enable = switch ''
      Enables `system.autoUpgrade`, without reboots. A host that is built from a flake, or by colmena or deploy-rs, must
      name a flake in `system.autoUpgrade.flake`. An upgrade restarts the monitor, but never the gateway.
    '';
  };
}
