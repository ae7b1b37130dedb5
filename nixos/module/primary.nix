# A primary: the regular push of its workspace, from which standbys pull.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.openclaw-failover;
  inherit (import ./derived.nix { inherit config lib pkgs; }) units;
  sync = import ./sync.nix { inherit config lib pkgs; };
  push = "openclaw-sync-push.service";
in
{
  config = lib.mkIf (cfg.enable && cfg.role == "primary") {
    systemd.packages = [
      # With the drop-in that makes it a primary's push.
      (units
        [
          push
          "openclaw-sync-push.timer"
        ]
        ''
          mkdir $to/${push}.d
          ln -s ${cfg.package}/share/openclaw-failover/openclaw-sync-push-primary.conf $to/${push}.d/primary.conf
        ''
      )
    ];
    systemd.services.openclaw-sync-push = sync {
      made = [ cfg.settings.workspace.path ];
      bound = [ "/home/openclaw/.openclaw/workspace" ];
    };
    # It comes round every minute; `settings.workspace.push_interval` says when a push is due.
    systemd.timers.openclaw-sync-push.wantedBy = [ "timers.target" ];
  };
}
