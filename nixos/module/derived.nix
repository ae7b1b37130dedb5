# Values derived from the options, shared by several parts of the module.
{
  config,
  lib,
  pkgs,
}:
let
  cfg = config.services.openclaw-failover;
  account = config.users.users.${cfg.user.name} or { };
  setup = ../../src/setup/units;

  # Removes keys that are not set.
  written =
    value:
    if lib.isAttrs value then
      lib.filterAttrs (_: value: value != null && value != { }) (lib.mapAttrs (_: written) value)
    else if lib.isList value then
      map written value
    else
      value;
in
rec {
  # Account of the agent: `user`, or else the entry in `users.users`.
  user = cfg.user.name;
  group =
    let
      declared = account.group or "";
    in
    if cfg.user.group != null then
      cfg.user.group
    else if declared != "" then
      declared
    else
      user;
  home = if cfg.user.home != null then cfg.user.home else account.home or "/home/${user}";

  port = if cfg.gateway.settings == null then 18789 else cfg.gateway.settings.gateway.port;

  # URL at which the monitor reaches this host's gateway.
  url =
    let
      isTls = cfg.gateway.settings.gateway.tls.enabled or false;
    in
    "${if isTls then "https" else "http"}://127.0.0.1:${toString port}";

  # Names of the channels that are enabled in this host's gateway.
  channels =
    let
      all = if cfg.gateway.settings == null then { } else cfg.gateway.settings.channels;
      # Keys of OpenClaw that are not channels.
      others = [
        "defaults"
        "modelByChannel"
      ];
    in
    lib.subtractLists others (
      lib.attrNames (lib.filterAttrs (_: channel: channel.enabled or true) all)
    );

  # Default directory of the workspace. On a primary whose gateway nix-openclaw's NixOS module declares, it is that
  # gateway's workspace.
  workspace =
    let
      foreign = config.services.openclaw-gateway or { };
    in
    if cfg.role == "primary" && foreign.enable or false then
      foreign.config.agents.defaults.workspace or "${foreign.stateDir}/workspace"
    else
      "${home}/.openclaw/workspace";

  # Content of config.json.
  settings = lib.filterAttrs (_: value: value != [ ]) (written cfg.settings);

  # Programs that the units call.
  programs = [
    pkgs.getent
    pkgs.gitMinimal
    config.programs.ssh.package
    pkgs.rsync
    pkgs.sqlite
  ]
  # Finds replaced files that are still open for writing. profiles/perlless.nix forbids it.
  ++ lib.optional (!lib.elem "perl" (config.system.forbiddenDependenciesRegexes or [ ])) pkgs.perl;

  # Unit files of src/setup/units with this host's paths and account. Whole files are rewritten, so that a line or unit
  # added there needs no change here. Names are those of the installed files.
  units =
    let
      replacements = {
        "/usr/local/bin/openclaw-failover" = "${cfg.package}/bin/openclaw-failover";
        "/usr/bin/setpriv" = "${pkgs.util-linux}/bin/setpriv";
        "/usr/bin/env" = "${pkgs.coreutils}/bin/env";
        "/usr/bin/mkdir" = "${pkgs.coreutils}/bin/mkdir";
        "/etc/openclaw-failover/credentials" = cfg.credentialsDirectory;
        "/home/openclaw" = home;
        "User=openclaw\n" = "User=${user}\n";
        "Group=openclaw\n" = "Group=${group}\n";
        "Groups=openclaw\n" = "Groups=${group}\n";
        "--reuid=openclaw " = "--reuid=${user} ";
        "--regid=openclaw " = "--regid=${group} ";
      }
      # A file set here must exist.
      // lib.optionalAttrs (cfg.gateway.environmentFile != "/etc/openclaw/gateway.env") {
        "-/etc/openclaw/gateway.env" = cfg.gateway.environmentFile;
      };
      rewrite = builtins.replaceStrings (lib.attrNames replacements) (lib.attrValues replacements);
      text = file: rewrite (builtins.readFile (setup + "/${file}"));
      primaryOnly = [ "openclaw-sync-push.timer" ];
      isUnit = name: lib.hasSuffix ".service" name || lib.hasSuffix ".timer" name;
      all = lib.filter isUnit (lib.attrNames (builtins.readDir setup));
    in
    if cfg.role == "standby" then
      lib.genAttrs (lib.subtractLists primaryOnly all) text
    else
      lib.genAttrs [ "openclaw-sync-push.service" "openclaw-sync-push.timer" ] text
      // {
        "openclaw-sync-push.service.d/primary.conf" = text "openclaw-sync-push-primary.conf";
      };

  # Package with the units, for `systemd.packages`.
  unitPackage = pkgs.symlinkJoin {
    name = "openclaw-${cfg.role}-units";
    paths = lib.mapAttrsToList (name: pkgs.writeTextDir "lib/systemd/system/${name}") units;
  };

  # Directories below the homes that a unit may write to.
  boundBy =
    unit:
    let
      lines = lib.filter (lib.hasPrefix "BindPaths=") (lib.splitString "\n" units.${unit});
      words = lib.concatMap (line: lib.splitString " " (lib.removePrefix "BindPaths=" line)) lines;
    in
    map (lib.removePrefix "-") words;
}
