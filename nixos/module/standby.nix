# Units of a standby: the monitor, the gateway that it controls, and the syncs of the workspace.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.openclaw-failover;
  inherit (import ./derived.nix { inherit config lib pkgs; })
    programs
    unitPackage
    units
    ;
  sync = import ./sync.nix { inherit config lib pkgs; };

  workspace = cfg.settings.workspace.path;
  tailscale = lib.optional config.services.tailscale.enable config.services.tailscale.package;
  credentials = "/etc/openclaw-failover/credentials";
  services = map (lib.removeSuffix ".service") (
    lib.filter (lib.hasSuffix ".service") (lib.attrNames units)
  );
in
{
  config = lib.mkIf (cfg.enable && cfg.role == "standby") {
    systemd.packages = [ unitPackage ];

    systemd.services = lib.mkMerge [
      # Each unit of src/setup/units gets the programs in its PATH. A rebuild restarts only the monitor.
      (lib.genAttrs services (name: {
        path = programs ++ tailscale;
        restartIfChanged = name == "openclaw-failover";
      }))
      {
        openclaw-failover = {
          # NixOS ignores the [Install] sections of packages.
          wantedBy = [ "multi-user.target" ];
          aliases = [ "openclaw-health-monitor.service" ];
          # Keeps the gap short: a rebuild restarts it at the end, instead of stopping it first.
          stopIfChanged = false;
          reloadTriggers = [ config.environment.etc."openclaw-failover/config.json".source ];
        };

        # No wantedBy: the monitor decides whether it runs. A rebuild does not restart it; the next start uses the new
        # unit.
        openclaw = {
          # The agent uses the tools of its host.
          path = lib.optional (cfg.gateway.package != null) cfg.gateway.package ++ [
            pkgs.bash
            "/run/wrappers"
            "/run/current-system/sw"
          ];
          environment = lib.mkIf (cfg.gateway.settings != null) {
            OPENCLAW_CONFIG_PATH = "/etc/openclaw/openclaw.json";
            # Keeps OpenClaw from writing to that file.
            OPENCLAW_NIX_MODE = "1";
          };
        };

        openclaw-sync-pull = sync "openclaw-sync-pull.service" (
          [ workspace ] ++ map (secret: secret.target) cfg.settings.secrets
        );
        openclaw-sync-push = sync "openclaw-sync-push.service" [ workspace ];
      }
    ];

    systemd.timers.openclaw-failover-drill = {
      wantedBy = lib.mkIf cfg.drill.enable [ "timers.target" ];
      timerConfig.OnCalendar = lib.mkIf (cfg.drill.onCalendar != null) [
        ""
        cfg.drill.onCalendar
      ];
    };

    systemd.tmpfiles.rules = lib.mkIf (cfg.credentialsDirectory == credentials) [
      "d ${credentials} 0700 root root -"
    ];

    environment.systemPackages = lib.optional (cfg.gateway.package != null) cfg.gateway.package;
    environment.etc."openclaw/openclaw.json" = lib.mkIf (cfg.gateway.settings != null) {
      source = (pkgs.formats.json { }).generate "openclaw.json" cfg.gateway.settings;
    };

    # User of the monitor. The polkit rule in the package lets it start and stop a few units.
    security.polkit.enable = true;
    users.users.openclaw-failover = {
      isSystemUser = true;
      group = "openclaw-failover";
      description = "OpenClaw failover monitor";
    };
    users.groups.openclaw-failover = { };
  };
}
