# A standby: the monitor, the gateway it starts and stops, and the workspace's way in and back out.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.openclaw-failover;
  inherit (import ./derived.nix { inherit config lib pkgs; }) home units;
  sync = import ./sync.nix { inherit config lib pkgs; };

  workspace = cfg.settings.workspace.path;
  usual = "/home/openclaw/.openclaw";
  tailscale = lib.optional config.services.tailscale.enable config.services.tailscale.package;
  credentials = "/etc/openclaw-failover/credentials";
in
{
  config = lib.mkIf (cfg.enable && cfg.role == "standby") {
    systemd.packages = [
      (units [
        "openclaw-failover.service"
        "openclaw-failover-check.service"
        "openclaw-failover-drill.service"
        "openclaw-failover-drill.timer"
        "openclaw.service"
        "openclaw-sync-pull.service"
        "openclaw-sync-push.service"
      ] "")
    ];

    systemd.services.openclaw-failover = {
      # NixOS passes over the [Install] sections of packages.
      wantedBy = [ "multi-user.target" ];
      aliases = [ "openclaw-health-monitor.service" ];
      # As short a gap as can be: it is started again at once, and not stopped before everything else changes.
      stopIfChanged = false;
      reloadTriggers = [ config.environment.etc."openclaw-failover/config.json".source ];
      # It runs tailscale and getent; the others it only asks whether they are there, for the units that need them.
      path = [
        pkgs.getent
        pkgs.gitMinimal
        config.programs.ssh.package
        pkgs.rsync
        pkgs.sqlite
      ]
      ++ tailscale;
      serviceConfig.LoadCredential = lib.mkIf (cfg.credentialsDirectory != credentials) [
        ""
        "notify:${cfg.credentialsDirectory}"
      ];
    };
    systemd.timers.openclaw-failover-drill = {
      wantedBy = lib.mkIf cfg.drill.enable [ "timers.target" ];
      timerConfig.OnCalendar = lib.mkIf (cfg.drill.onCalendar != null) [
        ""
        cfg.drill.onCalendar
      ];
    };
    # The next one is the new one.
    systemd.services.openclaw-failover-check.restartIfChanged = false;
    # A rebuild ends no drill, and begins none.
    systemd.services.openclaw-failover-drill.restartIfChanged = false;

    systemd.tmpfiles.rules = lib.mkIf (cfg.credentialsDirectory == credentials) [
      "d ${credentials} 0700 root root -"
    ];

    # Never in wantedBy: whether it runs is the monitor's business. And never bounced by a rebuild, least of all while
    # it serves: the monitor stops it when the primary is back, and what is new is in force at the next start.
    systemd.services.openclaw = {
      restartIfChanged = false;
      # An agent works with the tools of its host.
      path =
        lib.optional (cfg.gateway.package != null) cfg.gateway.package
        ++ tailscale
        ++ [
          pkgs.bash
          "/run/wrappers"
          "/run/current-system/sw"
        ];
      environment = lib.mkIf (cfg.gateway.settings != null) {
        OPENCLAW_CONFIG_PATH = "/etc/openclaw/openclaw.json";
        # Then it does not try to write to that file.
        OPENCLAW_NIX_MODE = "1";
      };
      serviceConfig.EnvironmentFile = lib.mkIf (
        cfg.gateway.environmentFile != "/etc/openclaw/gateway.env"
      ) cfg.gateway.environmentFile;
    };
    environment.systemPackages = lib.optional (cfg.gateway.package != null) cfg.gateway.package;
    environment.etc."openclaw/openclaw.json" = lib.mkIf (cfg.gateway.settings != null) {
      source = (pkgs.formats.json { }).generate "openclaw.json" cfg.gateway.settings;
    };

    systemd.services.openclaw-sync-pull = sync {
      made = [ workspace ] ++ map (secret: secret.target) cfg.settings.secrets;
      bound = [
        "${usual}/workspace"
        "${usual}/secrets"
      ];
      # Whether the gateway could start; OpenClaw itself comes from the store.
      read = [
        ".openclaw/openclaw.json"
        ".config/systemd/user"
      ];
    };
    systemd.services.openclaw-sync-push = sync {
      made = [ workspace ];
      seen = [
        "${home}/.openclaw/state"
        "${home}/.openclaw/agents"
      ];
      bound = [
        "${usual}/workspace"
        "${usual}/state"
        "${usual}/agents"
      ];
    };

    # The monitor is nobody, and may ask systemd for a few verbs on a few units: the rule is in the package.
    security.polkit.enable = true;
    users.users.openclaw-failover = {
      isSystemUser = true;
      group = "openclaw-failover";
      description = "OpenClaw failover monitor";
    };
    users.groups.openclaw-failover = { };
  };
}
