# What follows from the options, for more than one part of the module.
{
  config,
  lib,
  pkgs,
}:
let
  cfg = config.services.openclaw-failover;

  # A key that is not set is left out of the file.
  written =
    value:
    if lib.isAttrs value then
      lib.filterAttrs (_: value: value != null && value != { }) (lib.mapAttrs (_: written) value)
    else if lib.isList value then
      map written value
    else
      value;
in
{
  # Of the agent's user, whoever declares it.
  home = config.users.users.openclaw.home or "/home/openclaw";

  port = if cfg.gateway.settings == null then 18789 else cfg.gateway.settings.gateway.port;

  # The channels of this host's gateway, by name.
  channels =
    let
      all = if cfg.gateway.settings == null then { } else cfg.gateway.settings.channels;
    in
    lib.attrNames (lib.filterAttrs (_: channel: channel.enabled or true) all);

  # What the configuration file says.
  settings = lib.filterAttrs (_: value: value != [ ]) (written cfg.settings);

  # Some of the package's units. Not all of them: the others would become part of units of the same names, and a
  # primary's openclaw.service is none of ours.
  units =
    units: more:
    pkgs.runCommand "openclaw-${cfg.role}-units" { } ''
      to=$out/lib/systemd/system
      mkdir -p $to
      for unit in ${toString units}; do
        ln -s ${cfg.package}/lib/systemd/system/$unit $to/
      done
      ${more}
    '';
}
