# Rejects configurations that cannot work or would do harm, before anything is built. Each message names the fix.
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
  # Users whose Home Manager runs a gateway on this standby's port.
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
        ${options}: the user ${user} has no home directory for OpenClaw's workspace. Set one:
        users.users.${user}.home = "/var/lib/${user}";
      '';
    }
    {
      assertion = literal == [ ];
      message = ''
        ${options}.settings: secret in plain text at ${list literal}. Every user can read the Nix store. Put the secret
        into a file in ${cfg.credentialsDirectory} and name that file.
      '';
    }
  ];

  upgrade = config.system.autoUpgrade;
  # `nixpkgs.lib.nixosSystem` in a flake sets the source; colmena declares `deployment`.
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
        /etc/nixos/configuration.nix instead. Set the flake: system.autoUpgrade.flake = "github:me/hosts";
      '';
    }
  ];

  onPrimary = [
    {
      assertion = cfg.settings.workspace.url != null;
      message = ''
        ${options}: a primary pushes its workspace, but no repository is set. Set it:
        ${options}.workspace.repo = "git@example.org:me/memory.git";
      '';
    }
    {
      assertion = upstreams == [ ];
      message = ''
        ${options}.settings.upstreams: a primary has no upstreams. Remove it, or remove role = "primary".
      '';
    }
    {
      assertion = !(gateway.serviceConfig.DynamicUser or false);
      message = ''
        systemd.services.openclaw has DynamicUser, as services.openclaw sets it: no other unit can reach its workspace,
        so the push cannot read it. Run it as the user ${user}, and set the path of the workspace:
        systemd.services.openclaw.serviceConfig = { DynamicUser = lib.mkForce false; User = "${user}"; };
        ${options}.settings.workspace.path = "/var/lib/openclaw/workspace";
      '';
    }
  ];

  onStandby = [
    {
      # nixpkgs would refuse it too, but does not know about permitInsecure.
      assertion = !(marked.insecure or false) || marked.available or true;
      message = ''
        ${options}.gateway.package: nixpkgs marks OpenClaw insecure, because a message from a stranger may talk the
        agent into something. To run it anyway: ${options}.gateway.permitInsecure = true;
      '';
    }
    {
      assertion = upstreams != [ ];
      message = ''
        ${options}: a standby watches the primary, but no upstream is set. Set it:
        ${options}.settings.upstreams = [ { urls = [ "http://100.64.0.1:18789" ]; channels = [ "discord" ]; } ];
      '';
    }
    {
      assertion = shared == [ ];
      message = ''
        ${options}: the channel ${list shared} is the upstream's (settings.upstreams[].channels) and this standby's too
        (gateway.settings.channels): both hosts would answer, or compete for its token. Give the standby a channel that
        no upstream uses.
      '';
    }
    {
      assertion = literalOfGateway == [ ];
      message = ''
        ${options}.gateway.settings: secret in plain text at ${list literalOfGateway}. Every user can read the Nix
        store. Put NAME=value into ${cfg.gateway.environmentFile}, and write
        { source = "env"; provider = "default"; id = "NAME"; } or "''${NAME}" here.
      '';
    }
    {
      assertion = cfg.gateway.settings == null || !cfg.gateway.settings.cron.enabled;
      message = ''
        ${options}.gateway.settings.cron.enabled: crons run on the primary; on a standby they would run a second time.
        Remove it.
      '';
    }
    {
      assertion = !(config.services.openclaw.enable or false);
      message = ''
        services.openclaw and ${options} both define openclaw.service, and the first starts it at boot. On a standby,
        remove services.openclaw: ${options}.gateway declares the gateway.
      '';
    }
    {
      assertion =
        !(foreign.enable or false)
        || (foreign.port or 18789) != port && (foreign.unitName or "openclaw-gateway") != "openclaw";
      message = ''
        services.openclaw-gateway would hold the gateway's port ${toString port}, or its unit, so that this standby
        could never take over. Remove it: ${options}.gateway declares the gateway.
      '';
    }
    {
      assertion = personal == [ ];
      message = ''
        home-manager.users.${list personal}.programs.openclaw runs a gateway on port ${toString port}, which this
        standby's own gateway needs. Remove it: ${options}.gateway declares the gateway.
      '';
    }
    {
      assertion =
        !(etc.enable or false)
        || etc.mutable or true
        || !isBelowEtc cfg.credentialsDirectory && !isBelowEtc cfg.gateway.environmentFile;
      message = ''
        ${options}: /etc of this host is read-only (system.etc.overlay.mutable = false), so no secrets can be put there.
        Set other paths: ${options}.credentialsDirectory = "/run/secrets/openclaw-failover"; and
        ${options}.gateway.environmentFile = "/run/secrets/gateway.env";
      '';
    }
    {
      assertion = starters == [ ];
      message = ''
        systemd.services.openclaw is started by ${list starters}. Only the monitor may start a standby's gateway;
        otherwise two gateways would serve. Remove its wantedBy, requiredBy and upheldBy.
      '';
    }
    {
      assertion = cfg.settings.gateway.unit == null || cfg.settings.gateway.unit == "openclaw.service";
      message = ''
        ${options}.settings.gateway.unit: this module declares openclaw.service, and the polkit rule lets the monitor
        control only that unit. Remove the option.
      '';
    }
    {
      assertion = cfg.gateway.settings == null || url == null || lib.hasSuffix ":${toString port}" url;
      message = ''
        ${options}.settings.gateway.url: the gateway listens on port ${toString port} (gateway.settings.gateway.port),
        so the monitor would never find it at ${toString url}. Remove the option.
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
        ${options}.user: no user ${user} is declared, but the sync runs as it. Set ${options}.user.name to the user that
        runs OpenClaw, or declare the user: ${options}.user.enable = true;
      ''
      ++ lib.optional (isStandby && cfg.gateway.settings != null && channels == [ ]) ''
        ${options}.gateway.settings.channels is empty: this standby has no chat channel while it serves. Give it one
        channel that no upstream uses.
      ''
      ++ lib.optional (lib.length channels > 1) ''
        ${options}.gateway.settings.channels: this standby has several channels: ${list channels}. One is enough; each
        further one must be kept apart from the primary's.
      ''
      ++
        lib.optional
          (cfg.ssh.enable && lib.all (user: keys user == [ ]) (lib.attrValues config.users.users))
          ''
            ${options}.ssh disables passwords, and no user of this host has an ssh key. Unless the keys are kept
            elsewhere, add yours to users.users.root.openssh.authorizedKeys.keys.
          '';
  };
}
