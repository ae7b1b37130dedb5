# The configuration of the monitor and of the sync units: /etc/openclaw-failover/config.json.
#
# Any key of the program may be set; those that matter most are declared here. What is not set is not written, so that
# the program's own defaults hold: it alone knows them, and it checks the file when the system is built.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) literalExpression mkOption types;
  inherit (import ./types.nix { inherit lib; }) duration plainPath;
  inherit (import ./derived.nix { inherit config lib pkgs; }) home port;
  cfg = config.services.openclaw-failover;
  json = pkgs.formats.json { };

  unset =
    type: description: example:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit description example;
    };

  upstream = types.submodule {
    freeformType = json.type;
    options = {
      name = mkOption {
        type = types.str;
        default = "primary";
        example = "primary";
        description = "A short name, unique among the upstreams.";
      };
      urls = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "http://100.64.0.1:18789" ];
        description = "Paths to the gateway; several are tried side by side, and one good answer is enough.";
      };
      channels = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "discord" ];
        description = "The chat channels that it owns. A system whose standby owns one of them too cannot be built.";
      };
      credential = unset types.str ''
        The name of the file in `credentialsDirectory` that holds its gateway token; with it, muted channels are seen.
      '' "primary";
      ca_file = unset types.str "PEM certificates to trust for `https://`; not below /home." "/etc/ssl/claw.pem";
    };
  };

  secret = types.submodule {
    freeformType = json.type;
    options = {
      source = mkOption {
        type = types.str;
        example = "openclaw@100.64.0.1:.openclaw/standby.env";
        description = "`user@host:path`, copied by rsync over ssh.";
      };
      target = mkOption {
        type = plainPath;
        default = "${home}/.openclaw/secrets/";
        defaultText = literalExpression ''"''${config.users.users.openclaw.home}/.openclaw/secrets/"'';
        example = "/home/openclaw/.openclaw/secrets/";
        description = "A folder of its own on this host. It is made.";
      };
    };
  };
in
{
  options.services.openclaw-failover.settings = mkOption {
    default = { };
    example = {
      upstreams = [
        {
          name = "primary";
          urls = [ "http://100.64.0.1:18789" ];
          channels = [ "discord" ];
        }
      ];
      probe.timeout = "3s";
    };
    description = ''
      The configuration of the monitor and of the workspace's sync, as described in the README. It is everybody's to
      read: secrets are named in it, and never in it. The program checks it when the system is built.
    '';
    type = types.submodule {
      freeformType = json.type;
      options = {
        upstreams = mkOption {
          type = types.listOf upstream;
          default = [ ];
          example = [
            {
              name = "primary";
              urls = [ "http://100.64.0.1:18789" ];
              channels = [ "discord" ];
            }
          ];
          description = "The gateways that outrank this standby, usually one. A primary has none.";
        };
        promote = {
          after = unset duration "How long no upstream may have shown life. The program's default is 30 s." "60s";
          witnesses = unset (types.listOf types.str) ''
            What must be reached before the primary, and not this host, is believed to be cut off: `"tailscale"`,
            `"tcp://host:port"`, `"https://…"`. By default the local Tailscale daemon, if an upstream is on a tailnet.
          '' [ "tailscale" "tcp://1.1.1.1:443" ];
        };
        demote.after = unset duration ''
          How long an upstream must be ready before this host steps aside. The program's default is 30 s.
        '' "2m";
        gateway.url = mkOption {
          type = types.nullOr types.str;
          default = if cfg.role == "standby" then "http://127.0.0.1:${toString port}" else null;
          defaultText = literalExpression ''"http://127.0.0.1:''${toString gateway.settings.gateway.port}"'';
          example = "http://127.0.0.1:18789";
          description = "Where this host's gateway answers. A primary needs none.";
        };
        gateway.ca_file =
          unset types.str "PEM certificates to trust for an `https://` gateway.url; not below /home." "/etc/ssl/claw.pem";
        workspace = {
          path = mkOption {
            type = plainPath;
            default = "${home}/.openclaw/workspace";
            defaultText = literalExpression ''"''${config.users.users.openclaw.home}/.openclaw/workspace"'';
            example = "/home/openclaw/.openclaw/workspace";
            description = "The git checkout that the agent works in. The folder is made.";
          };
          url = mkOption {
            type = types.nullOr types.str;
            default = cfg.workspace.repo;
            defaultText = literalExpression "workspace.repo";
            example = "git@example.org:me/memory.git";
            description = "Where its remote is, for a workspace that is no checkout yet.";
          };
          branch = unset types.str "The branch that only the primary writes. The program's default is main." "main";
          push_interval = unset duration "How often a primary pushes. The program's default is 5 minutes." "15m";
        };
        secrets = mkOption {
          type = types.listOf secret;
          default = [ ];
          example = [ { source = "openclaw@100.64.0.1:.openclaw/standby.env"; } ];
          description = ''
            Small files that are copied here with each pull. API keys need none of this: they belong in
            `gateway.environmentFile`.
          '';
        };
      };
    };
  };
}
