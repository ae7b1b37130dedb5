# Decisions about this host. The configurations of the monitor and of the gateway have files of their own.
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
  # On for a standby, which may be a bare host, and off for a primary, which is left as it is.
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
        Role of this host. A `standby` watches the primary and serves while the primary is down: monitor, gateway,
        workspace, secrets, and a hardened host around them. On a `primary` the module declares the regular push of the
        workspace and nothing else.
      '';
    };

    user = {
      enable = onStandby ''
        Declares the agent's user and group. On a primary they exist already: nix-openclaw's module declares them, for
        example, or you do in `users.users`.
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
        description = "Group of that user. Unset, the one in `users.users`, or else a group of the user's name.";
      };
      home = mkOption {
        type = types.nullOr plainPath;
        default = null;
        example = "/srv/claw";
        description = "Home of that user. Unset, the one in `users.users`, or else `/home/NAME`.";
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
          workspace is no checkout yet. On a primary OpenClaw makes the checkout, and this becomes its remote.
        '';
      };
      sshKeyFile = mkOption {
        type = types.nullOr runtimePath;
        default = null;
        example = "/run/secrets/openclaw-ssh-key";
        description = ''
          Private ssh key of the agent's user for the git host, and for the hosts that secrets are copied from. That
          user must be able to read it (sops-nix: `owner = "openclaw"`). The syncs see nothing below /home. ssh offers
          it before the keys in the user's `.ssh`, to every host. Unset, those alone are used.
        '';
      };
    };

    knownHosts = mkOption {
      type = types.attrsOf (types.either types.str (types.listOf types.str));
      default = { };
      defaultText = literalExpression "the published keys of github.com, gitlab.com and codeberg.org";
      example."git.example.org" = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA…" ];
      description = ''
        Public ssh keys of the git host, and of the hosts that secrets are copied from: one key or several for each. A
        host whose key is unknown is never trusted. The published keys of github.com, gitlab.com and codeberg.org are
        set already; your own value for one of them replaces it.
      '';
    };

    credentialsDirectory = mkOption {
      type = runtimePath;
      default = "/etc/openclaw-failover/credentials";
      example = "/run/secrets/openclaw-failover";
      description = ''
        Folder with the credentials that the configuration names, one regular file each, for root alone; systemd hands
        copies to the monitor. The default folder is created and may stay empty. Another one must exist before the
        monitor starts, and links in it are ignored.
      '';
    };

    drill = {
      enable = switch "Rehearses a failover regularly on a standby, by `openclaw-failover-drill.timer`.";
      onCalendar = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "Wed 10:00";
        description = "Time of the drills, as in systemd.time(7). Unset, twice a month.";
      };
    };

    firewall.enable = onStandby ''
      Enables `networking.firewall`, which is to NixOS what `ufw` is to Debian, and opens the gateway's port on the
      tailnet's interface alone. ssh stays open by `services.openssh.openFirewall`.
    '';

    fail2ban.enable = onStandby "Enables `services.fail2ban`, which bans addresses after failed logins.";

    tailscale = {
      enable = onStandby "Enables `services.tailscale`, the network between primary and standby.";
      authKeyFile = mkOption {
        type = types.nullOr runtimePath;
        default = null;
        example = "/run/secrets/tailscale";
        description = "File with the key that joins this host to the tailnet. Unset, run `tailscale up` once.";
      };
    };

    ssh.enable = onStandby "Enables sshd, and turns logins with passwords off.";

    autoUpgrade.enable = switch ''
      Enables `system.autoUpgrade`, without reboots. A host that is built from a flake, or by colmena or deploy-rs, must
      name a flake in `system.autoUpgrade.flake`. An upgrade restarts the monitor, and never the gateway.
    '';
  };
}
