# A primary: the regular push of its workspace, from which standbys pull.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.openclaw-failover;
  inherit (import ./derived.nix { inherit config lib pkgs; }) programs unitPackage;
  sync = import ./sync.nix { inherit config lib pkgs; };
in
{
  config = lib.mkIf (cfg.enable && cfg.role == "primary") {
    systemd.packages = [ unitPackage ];
    systemd.services.openclaw-sync-push = lib.mkMerge [
      {
        path = programs;
        # A rebuild does not interrupt a push; the next one has the new unit.
        restartIfChanged = false;
      }
      (sync "openclaw-sync-push.service" [ cfg.settings.workspace.path ])
    ];
    # Its period is short; `settings.workspace.push_interval` decides when a push is due.
    systemd.timers.openclaw-sync-push.wantedBy = [ "timers.target" ];
  };
}
