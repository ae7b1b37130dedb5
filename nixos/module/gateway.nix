# Options of a standby's gateway. Its unit is in standby.nix.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) literalExpression mkOption types;
  inherit (import ./types.nix { inherit lib; }) runtimePath;
  cfg = config.services.openclaw-failover;
  json = pkgs.formats.json { };

  fromEnvironment = id: {
    source = "env";
    provider = "default";
    inherit id;
  };
in
{
  options.services.openclaw-failover.gateway = {
    package = mkOption {
      type = types.nullOr types.package;
      default =
        if !pkgs ? openclaw then
          null
        else if cfg.gateway.permitInsecure then
          pkgs.openclaw.overrideAttrs (old: {
            meta = old.meta or { } // {
              knownVulnerabilities = [ ];
            };
          })
        else
          pkgs.openclaw;
      defaultText = literalExpression "pkgs.openclaw or null";
      example = literalExpression "inputs.nix-openclaw.packages.\${pkgs.stdenv.hostPlatform.system}.openclaw-gateway";
      description = ''
        Package with OpenClaw's command `openclaw`. With `null` the gateway runs the one in
        `environment.systemPackages`. nix-openclaw has no package for aarch64-linux; nixpkgs has one.
      '';
    };

    permitInsecure = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Permits nixpkgs' `openclaw`, which is marked insecure: a message from a stranger may talk the agent into
        something. It applies only to the default of `gateway.package`, however `pkgs` is made. If you set
        `nixpkgs.config` yourself, this has the same effect:
        `allowInsecurePredicate = package: lib.getName package == "openclaw";`.
      '';
    };

    environmentFile = mkOption {
      type = runtimePath;
      default = "/etc/openclaw/gateway.env";
      example = "/run/secrets/gateway.env";
      description = ''
        File with the gateway's tokens and API keys, as NAME=value lines, readable by root only:
        OPENCLAW_GATEWAY_TOKEN, the channel's token, the model's key. A file other than the default one must exist when
        the gateway starts.
      '';
    };

    settings = mkOption {
      default = { };
      example = literalExpression ''
        {
          agents.defaults.model.primary = "anthropic/claude-opus-4-6";
          channels.telegram = {
            botToken = { source = "env"; provider = "default"; id = "TELEGRAM_BOT_TOKEN"; };
            dmPolicy = "allowlist";
            allowFrom = [ "123456789" ];
          };
        }
      '';
      description = ''
        OpenClaw's own configuration on this standby, with one channel that no upstream uses. It becomes
        /etc/openclaw/openclaw.json, which every user can read and OpenClaw cannot change: tokens come from
        `environmentFile`. With `null`, OpenClaw reads `.openclaw/openclaw.json` in the user's home, and you must make
        sure that the two hosts share no channel.
      '';
      type = types.nullOr (
        types.submodule {
          freeformType = json.type;
          options = {
            agents.defaults.workspace = mkOption {
              type = types.str;
              default = cfg.settings.workspace.path;
              defaultText = literalExpression "settings.workspace.path";
              example = "/home/openclaw/.openclaw/workspace";
              description = "Directory in which the agent works.";
            };
            channels = mkOption {
              type = types.attrsOf json.type;
              default = { };
              example.telegram.dmPolicy = "allowlist";
              description = ''
                Chat channel of this standby. Telegram is part of OpenClaw; for another, install its plugin once, as
                the agent's user: `openclaw plugins install @openclaw/discord`.
              '';
            };
            cron.enabled = mkOption {
              type = types.bool;
              default = false;
              example = false;
              description = "True if crons run. Leave it off on a standby: the primary runs them.";
            };
            gateway = {
              port = mkOption {
                type = types.port;
                default = 18789;
                example = 18789;
                description = "Port on which it listens.";
              };
              mode = mkOption {
                type = types.str;
                default = "local";
                example = "local";
                description = "Mode of the gateway: it runs on this host.";
              };
              bind = mkOption {
                type = types.str;
                default = "tailnet";
                example = "loopback";
                description = "Address on which it listens; `tailnet` includes loopback, which the monitor probes.";
              };
              auth = mkOption {
                type = json.type;
                default = {
                  mode = "token";
                  token = fromEnvironment "OPENCLAW_GATEWAY_TOKEN";
                };
                example.mode = "none";
                description = "Authentication of clients: by default a token from `environmentFile`.";
              };
            };
          };
        }
      );
    };
  };
}
