# The options of this host's gateway, on a standby. Its unit is in standby.nix.
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
      default = pkgs.openclaw or null;
      defaultText = literalExpression "pkgs.openclaw or null";
      example = literalExpression "inputs.nix-openclaw.packages.\${pkgs.system}.openclaw-gateway";
      description = ''
        The package with OpenClaw's command `openclaw`. The one of nixpkgs is marked as insecure, because it does what
        strangers may talk it into; who wants it nevertheless permits it:
        `nixpkgs.config.allowInsecurePredicate = package: lib.getName package == "openclaw";`.
        With `null`, `openclaw` is looked for in `environment.systemPackages`.
      '';
    };

    environmentFile = mkOption {
      type = runtimePath;
      default = "/etc/openclaw/gateway.env";
      example = "/run/secrets/gateway.env";
      description = ''
        The file with the gateway's tokens and API keys, as NAME=value lines, for root alone to read:
        OPENCLAW_GATEWAY_TOKEN, the channel's token, the model's key.
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
        OpenClaw's own configuration on this standby, with one channel that no upstream owns. It becomes
        /etc/openclaw/openclaw.json, which everybody may read and OpenClaw cannot change: tokens come from
        `environmentFile`. With `null`, OpenClaw reads `~openclaw/.openclaw/openclaw.json`, and nobody but you sees to
        it that the two hosts share no channel.
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
              description = "The folder that the agent works in.";
            };
            channels = mkOption {
              type = types.attrsOf json.type;
              default = { };
              example.telegram.dmPolicy = "allowlist";
              description = ''
                The one chat channel that is this standby's own. Telegram comes with OpenClaw; for another, install its
                plugin once, as `openclaw`: `openclaw plugins install @openclaw/discord`.
              '';
            };
            cron.enabled = mkOption {
              type = types.bool;
              default = false;
              example = false;
              description = "Whether crons run. They are the primary's: on a standby they would run twice.";
            };
            gateway = {
              port = mkOption {
                type = types.port;
                default = 18789;
                example = 18789;
                description = "The port that it listens on.";
              };
              mode = mkOption {
                type = types.str;
                default = "local";
                example = "local";
                description = "Where the gateway runs: here.";
              };
              bind = mkOption {
                type = types.str;
                default = "tailnet";
                example = "loopback";
                description = "Where it listens; with `tailnet` also on loopback, where the monitor asks.";
              };
              auth = mkOption {
                type = json.type;
                default = {
                  mode = "token";
                  token = fromEnvironment "OPENCLAW_GATEWAY_TOKEN";
                };
                example.mode = "none";
                description = "How clients prove who they are: by default with a token from `environmentFile`.";
              };
            };
          };
        }
      );
    };
  };
}
