# What a person decides about this host. The configurations of the monitor and of the gateway have files of their own.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) literalExpression mkOption types;
  inherit (import ./types.nix { inherit lib; }) runtimePath;
  cfg = config.services.openclaw-failover;

  # What makes a whole standby out of a bare host is switched on there, and there only.
  onStandby =
    what:
    mkOption {
      type = types.bool;
      default = cfg.role == "standby";
      defaultText = literalExpression ''role == "standby"'';
      example = false;
      description = what;
    };
in
{
  options.services.openclaw-failover = {
    enable = lib.mkEnableOption "this host's part in an OpenClaw failover";

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ../package.nix { };
      defaultText = literalExpression "pkgs.callPackage ./nixos/package.nix { }";
      example = literalExpression "inputs.openclaw-failover.packages.\${pkgs.system}.dynamic";
      description = "The program, with its units and its polkit rule. The flake's module takes the static one.";
    };

    role = mkOption {
      type = types.enum [
        "standby"
        "primary"
      ];
      default = "standby";
      example = "primary";
      description = ''
        What this host is. A `standby` watches the primary and serves while it is gone: monitor, gateway, workspace,
        secrets, and a hardened host around them. On a `primary` only the workspace's regular push is declared, and what
        that needs: how OpenClaw itself is run there is left as it is.
      '';
    };

    user = {
      enable = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = "Whether to declare the user and group `openclaw`, whose gateway and workspace it is.";
      };
      authorizedKeys = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA… me@laptop" ];
        description = "Public ssh keys that may log in as `openclaw`.";
      };
    };

    workspace = {
      repo = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "git@example.org:me/memory.git";
        description = ''
          The private git repository of the agent's workspace, `settings.workspace.url`. A standby's workspace that is
          no checkout yet becomes one of it; on a primary OpenClaw makes the checkout, and this becomes its remote.
        '';
      };
      sshKeyFile = mkOption {
        type = types.nullOr runtimePath;
        default = null;
        example = "/run/secrets/openclaw-ssh-key";
        description = ''
          The private ssh key with which `openclaw` reaches the git host, and the hosts that its secrets come from. The
          user must be able to read it (with sops-nix: `owner = "openclaw"`), and it must not lie below /home, which the
          sync units do not see. Unset, the keys in `~openclaw/.ssh` are used.
        '';
      };
    };

    knownHosts = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        "github.com" = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
      };
      description = ''
        The public keys of the hosts that are reached over ssh, as in `programs.ssh.knownHosts`: the git host, and those
        that secrets are copied from. A host whose key is unknown is never trusted.
      '';
    };

    credentialsDirectory = mkOption {
      type = runtimePath;
      default = "/etc/openclaw-failover/credentials";
      example = "/run/secrets/openclaw-failover";
      description = ''
        The folder with the credentials that the configuration names, one regular file each, for root alone; systemd
        hands copies to the monitor. The default one is made, and may stay empty. Another one must exist before the
        monitor starts, and links in it are passed over.
      '';
    };

    drill = {
      enable = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = "Whether a standby rehearses a failover regularly, with `openclaw-failover-drill.timer`.";
      };
      onCalendar = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "Wed 10:00";
        description = "When, as in systemd.time(7). Unset, twice a month, as the timer says itself.";
      };
    };

    firewall.enable = onStandby ''
      Whether to switch `networking.firewall` on, and to open the gateway's port on the tailnet's interface and nowhere
      else. This is to NixOS what `ufw` is to Debian and Ubuntu, rule for rule: nothing comes in but ssh (which
      `services.openssh.openFirewall` lets through), and from the tailnet the gateway's port.
    '';

    fail2ban.enable = onStandby "Whether to switch `services.fail2ban` on, which bans who guesses at ssh.";

    tailscale = {
      enable = onStandby "Whether to switch `services.tailscale` on, the network between primary and standby.";
      authKeyFile = mkOption {
        type = types.nullOr runtimePath;
        default = null;
        example = "/run/secrets/tailscale";
        description = "A file with the key that joins this host to the tailnet. Unset, run `tailscale up` once.";
      };
    };

    ssh.enable = onStandby "Whether to run sshd, and to let nobody in without a key.";

    autoUpgrade.enable = onStandby ''
      Whether to switch `system.autoUpgrade` on, without reboots. A host that is built from a flake says which one in
      `system.autoUpgrade.flake`. A rebuild restarts the monitor, and never the gateway.
    '';
  };
}
