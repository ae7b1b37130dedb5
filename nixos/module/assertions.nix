# Refuses what cannot work or would do harm, before anything is built. Each message says what to do instead.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.openclaw-failover;
  inherit (import ./derived.nix { inherit config lib pkgs; }) channels port user;
  findSecrets = import ./secret.nix { inherit lib; };

  options = "services.openclaw-failover";
  isStandby = cfg.role == "standby";
  upstreams = cfg.settings.upstreams;
  shared = lib.intersectLists (lib.concatMap (upstream: upstream.channels) upstreams) channels;
  literal = findSecrets cfg.settings;
  literalOfGateway = if cfg.gateway.settings == null then [ ] else findSecrets cfg.gateway.settings;
  list = lib.concatStringsSep ", ";

  marked = if cfg.gateway.package == null then { } else cfg.gateway.package.meta or { };
  gateway = config.systemd.services.openclaw or { };
  starters = (gateway.wantedBy or [ ]) ++ (gateway.requiredBy or [ ]) ++ (gateway.upheldBy or [ ]);
  foreign = config.services.openclaw-gateway or { };
  url = cfg.settings.gateway.url;

  always = [
    {
      assertion = literal == [ ];
      message = ''
        ${options}.settings: ${list literal} is written out, and everybody may read the Nix store. Put the secret into a
        file in ${cfg.credentialsDirectory} and name that file.
      '';
    }
  ];

  upgrade = config.system.autoUpgrade;
  onFlakes = [
    {
      # `nixpkgs.lib.nixosSystem` of a flake sets the source.
      assertion =
        !cfg.autoUpgrade.enable
        || !(upgrade.enable or false)
        || (upgrade.flake or null) != null
        || (config.nixpkgs.flake.source or null) == null;
      message = ''
        ${options}.autoUpgrade: this host is built from a flake, and the nightly upgrade would build
        /etc/nixos/configuration.nix instead. Name the flake: system.autoUpgrade.flake = "github:me/hosts";
      '';
    }
  ];

  onPrimary = [
    {
      assertion = cfg.settings.workspace.url != null;
      message = ''
        ${options}: a primary pushes its workspace, and this one has none. Name its git repository:
        ${options}.workspace.repo = "git@example.org:me/memory.git";
      '';
    }
    {
      assertion = upstreams == [ ];
      message = ''
        ${options}.settings.upstreams: a primary watches nobody. Leave it out, or leave out role = "primary".
      '';
    }
    {
      assertion = !(gateway.serviceConfig.DynamicUser or false);
      message = ''
        systemd.services.openclaw has DynamicUser, as services.openclaw makes it: its workspace lies where no other unit
        may go, the push neither. Let it be the user ${user}'s, and say where it is:
        systemd.services.openclaw.serviceConfig = { DynamicUser = lib.mkForce false; User = "${user}"; };
        ${options}.settings.workspace.path = "/var/lib/openclaw/workspace";
      '';
    }
  ];

  onStandby = [
    {
      # nixpkgs would refuse it too, and does not know the option.
      assertion = !(marked.insecure or false) || marked.available or true;
      message = ''
        ${options}.gateway.package: nixpkgs marks OpenClaw insecure, because a message from a stranger may talk the
        agent into something. To run it nevertheless: ${options}.gateway.permitInsecure = true;
      '';
    }
    {
      assertion = upstreams != [ ];
      message = ''
        ${options}: a standby watches the primary, and none is named:
        ${options}.settings.upstreams = [ { urls = [ "http://100.64.0.1:18789" ]; channels = [ "discord" ]; } ];
      '';
    }
    {
      assertion = shared == [ ];
      message = ''
        ${options}: the channel ${list shared} is the upstream's (settings.upstreams[].channels) and this standby's too
        (gateway.settings.channels): both hosts would answer, or fight over its token. Give the standby a channel of its
        own.
      '';
    }
    {
      assertion = literalOfGateway == [ ];
      message = ''
        ${options}.gateway.settings: ${list literalOfGateway} is written out, and everybody may read the Nix store. Put
        NAME=value into ${cfg.gateway.environmentFile}, and write { source = "env"; provider = "default"; id = "NAME"; }
        or "''${NAME}" here.
      '';
    }
    {
      assertion = cfg.gateway.settings == null || !cfg.gateway.settings.cron.enabled;
      message = ''
        ${options}.gateway.settings.cron.enabled: crons are the primary's; on a standby they would run a second time.
        Leave it out.
      '';
    }
    {
      assertion = !(config.services.openclaw.enable or false);
      message = ''
        services.openclaw and ${options} both define openclaw.service, and the first starts it at boot. On a standby,
        leave out services.openclaw: the gateway is declared by ${options}.gateway.
      '';
    }
    {
      assertion =
        !(foreign.enable or false)
        || (foreign.port or 18789) != port && (foreign.unitName or "openclaw-gateway") != "openclaw";
      message = ''
        services.openclaw-gateway would hold the gateway's port ${toString port}, or its unit, for good: this standby
        could never take over. Leave it out: the gateway is declared by ${options}.gateway.
      '';
    }
    {
      assertion = starters == [ ];
      message = ''
        systemd.services.openclaw is started by ${list starters}. Whether a standby's gateway runs is the monitor's
        business: two gateways would serve. Leave out its wantedBy, requiredBy and upheldBy.
      '';
    }
    {
      assertion = cfg.settings.gateway.unit == null || cfg.settings.gateway.unit == "openclaw.service";
      message = ''
        ${options}.settings.gateway.unit: the gateway that this module declares, and the polkit rule lets the monitor
        handle, is openclaw.service. Leave it out.
      '';
    }
    {
      assertion = cfg.gateway.settings == null || url == null || lib.hasSuffix ":${toString port}" url;
      message = ''
        ${options}.settings.gateway.url: the gateway listens on port ${toString port} (gateway.settings.gateway.port),
        and the monitor would never find it at ${toString url}. Leave it out.
      '';
    }
  ];

  keys = user: user.openssh.authorizedKeys.keys ++ user.openssh.authorizedKeys.keyFiles;
in
{
  config = lib.mkIf cfg.enable {
    assertions = always ++ onFlakes ++ (if isStandby then onStandby else onPrimary);

    warnings =
      lib.optional (!(config.users.users ? ${user})) ''
        ${options}.user: no user ${user} is declared, and the sync runs as it. Name the user that runs OpenClaw in
        ${options}.user.name, or have it declared: ${options}.user.enable = true;
      ''
      ++ lib.optional (isStandby && cfg.gateway.settings != null && channels == [ ]) ''
        ${options}.gateway.settings.channels is empty: while this standby serves, nobody can reach it by chat. Give it
        one channel that no upstream owns.
      ''
      ++ lib.optional (lib.length channels > 1) ''
        ${options}.gateway.settings.channels: ${list channels} are more than one. A standby needs one way to be reached;
        each more is one that must be kept apart from the primary's.
      ''
      ++
        lib.optional
          (cfg.ssh.enable && lib.all (user: keys user == [ ]) (lib.attrValues config.users.users))
          ''
            ${options}.ssh lets nobody in without a key, and no user of this host has one. Unless keys are kept
            elsewhere, add yours to users.users.root.openssh.authorizedKeys.keys.
          '';
  };
}
