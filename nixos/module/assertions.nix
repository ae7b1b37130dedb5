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
  # The users whose Home Manager runs a gateway on this standby's port.
  personal = lib.attrNames (
    lib.filterAttrs (
      _: home:
      let
        openclaw = home.programs.openclaw or { };
        instances = lib.attrValues (openclaw.instances or { });
      in
      if instances == [ ] then
        openclaw.enable or false && port == 18789
      else
        lib.any (one: one.enable && one.gatewayPort == port) instances
    ) (config.home-manager.users or { })
  );
  url = cfg.settings.gateway.url;
  etc = config.system.etc.overlay or { };
  isBelowEtc = lib.hasPrefix "/etc/";

  always = [
    {
      assertion = !lib.hasPrefix "/var/empty/" cfg.settings.workspace.path;
      message = ''
        ${options}: the user ${user} has no home to keep OpenClaw's workspace in. Give it one:
        users.users.${user}.home = "/var/lib/${user}";
      '';
    }
    {
      assertion = literal == [ ];
      message = ''
        ${options}.settings: ${list literal} is written out, and everybody may read the Nix store. Put the secret into a
        file in ${cfg.credentialsDirectory} and name that file.
      '';
    }
  ];

  upgrade = config.system.autoUpgrade;
  # `nixpkgs.lib.nixosSystem` of a flake sets the source, and colmena declares its options.
  isBuiltElsewhere = (config.nixpkgs.flake.source or null) != null || config ? deployment;
  onFlakes = [
    {
      assertion =
        !cfg.autoUpgrade.enable
        || !(upgrade.enable or false)
        || (upgrade.flake or null) != null
        || !isBuiltElsewhere;
      message = ''
        ${options}.autoUpgrade: this host is built from a flake or by colmena, and the nightly upgrade would build
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
        ${options}.settings.upstreams: a primary has no upstreams. Leave them out, or leave out role = "primary".
      '';
    }
    {
      assertion = !(gateway.serviceConfig.DynamicUser or false);
      message = ''
        systemd.services.openclaw has DynamicUser, as services.openclaw sets it: no other unit can reach its workspace,
        and so the push cannot. Run it as the user ${user}, and name the workspace:
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
      assertion = personal == [ ];
      message = ''
        home-manager.users.${list personal}.programs.openclaw runs a gateway on port ${toString port}, which this
        standby's own gateway needs. Leave it out: the gateway is declared by ${options}.gateway.
      '';
    }
    {
      assertion =
        !(etc.enable or false)
        || etc.mutable or true
        || !isBelowEtc cfg.credentialsDirectory && !isBelowEtc cfg.gateway.environmentFile;
      message = ''
        ${options}: nothing can be put into /etc of this host (system.etc.overlay.mutable = false). Keep the secrets
        elsewhere: ${options}.credentialsDirectory = "/run/secrets/openclaw-failover"; and
        ${options}.gateway.environmentFile = "/run/secrets/gateway.env";
      '';
    }
    {
      assertion = starters == [ ];
      message = ''
        systemd.services.openclaw is started by ${list starters}. On a standby only the monitor starts the gateway:
        otherwise two gateways would serve. Leave out its wantedBy, requiredBy and upheldBy.
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
        ${options}.gateway.settings.channels is empty: while this standby serves, it cannot be reached by chat. Give it
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
            ${options}.ssh turns logins without a key off, and no user of this host has a key. Unless keys are kept
            elsewhere, add yours to users.users.root.openssh.authorizedKeys.keys.
          '';
  };
}
