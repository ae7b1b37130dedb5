# A standby: the monitor, the gateway that it starts and stops, and the syncs of the workspace.
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
      # Every unit of src/setup finds the programs, and only the monitor is restarted by a rebuild.
      (lib.genAttrs services (name: {
        path = programs ++ tailscale;
        restartIfChanged = name == "openclaw-failover";
      }))
      {
        openclaw-failover = {
          # NixOS ignores the [Install] sections of packages.
          wantedBy = [ "multi-user.target" ];
          aliases = [ "openclaw-health-monitor.service" ];
          # Keeps the gap short: a rebuild restarts it at the end, and does not stop it before everything else changes.
          stopIfChanged = false;
          reloadTriggers = [ config.environment.etc."openclaw-failover/config.json".source ];
        };

        # No wantedBy: the monitor decides whether it runs. A rebuild does not restart it, least of all while it serves;
        # the new unit is in force at the next start.
        openclaw = {
          # The agent works with the tools of its host.
          path = lib.optional (cfg.gateway.package != null) cfg.gateway.package ++ [
            pkgs.bash
            "/run/wrappers"
            "/run/current-system/sw"
          ];
          environment = lib.mkIf (cfg.gateway.settings != null) {
            OPENCLAW_CONFIG_PATH = "/etc/openclaw/openclaw.json";
            # Stops OpenClaw from writing to that file.
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

    # The monitor's own user, which polkit lets ask systemd for a few verbs on a few units: the rule is in the package.
    security.polkit.enable = true;
    users.users.openclaw-failover = {
      isSystemUser = true;
      group = "openclaw-failover";
      description = "OpenClaw failover monitor";
    };
    users.groups.openclaw-failover = { };
  };
}
