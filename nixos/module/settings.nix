# The configuration of the monitor and of the syncs: /etc/openclaw-failover/config.json.
#
# Each key of the program is an option. A key that is not set is not written, so that the program's own default holds.
# The type is open: a key that has no option here yet may be set all the same. The program checks the file when the
# system is built.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) literalExpression mkOption types;
  inherit (import ./types.nix { inherit lib; }) duration plainPath size;
  inherit (import ./derived.nix { inherit config lib pkgs; }) home url workspace;
  cfg = config.services.openclaw-failover;
  json = pkgs.formats.json { };

  # A key of the program: its type, its meaning, an example.
  key =
    type: description: example:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit description example;
    };
  # The same for durations, with the program's default.
  period =
    description: default: key duration "${description}. The program's default is `${default}`." default;
  caFile =
    key types.str "PEM certificates to trust for `https://`; not below /home."
      "/etc/ssl/claw.pem";
  credential = what: key types.str "Name of the file in `credentialsDirectory` with ${what}.";

  object =
    keys:
    types.submodule {
      freeformType = json.type;
      options = keys;
    };

  upstream = object {
    name = mkOption {
      type = types.str;
      default = "primary";
      example = "primary";
      description = "Short name, unique among the upstreams.";
    };
    urls = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "http://100.64.0.1:18789" ];
      description = "Paths to the gateway. They are probed in parallel, and one good answer is enough.";
    };
    channels = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "discord" ];
      description = "Chat channels that it owns. A system whose standby owns one of them too does not evaluate.";
    };
    credential = credential "its gateway token; with it, muted channels are seen" "primary";
    ca_file = caFile;
  };

  secret = object {
    source = mkOption {
      type = types.str;
      example = "openclaw@100.64.0.1:.openclaw/standby.env";
      description = "`user@host:path`, copied by rsync over ssh.";
    };
    target = mkOption {
      type = plainPath;
      default = "${home}/.openclaw/secrets/";
      defaultText = literalExpression ''"''${user.home}/.openclaw/secrets/"'';
      example = "/home/openclaw/.openclaw/secrets/";
      description = "Folder of its own on this host, created by the agent's user.";
    };
  };

  webhook = object {
    credential = credential "its URL in the first line, headers below" "ntfy";
    format = key types.str "Format of the message: json, ntfy, discord, telegram or slack." "ntfy";
    events = key (types.listOf types.str) "Topics to send. Unset, all of them." [
      "promoted"
      "demoted"
      "failed"
    ];
    ca_file = caFile;
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
      Configuration of the monitor and of the workspace syncs, as described in the README. Every user of the host can
      read it: it names credentials and contains none. The program checks it when the system is built.
    '';
    type = object {
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
        description = "Gateways that outrank this standby, usually one. A primary has none.";
      };
      probe = {
        interval = period "Time between probes while the upstream is healthy" "10s";
        retry_interval = period "Time between probes after a failed one" "3s";
        timeout = period "Time limit of a whole probe" "5s";
      };
      promote = {
        after = period "Time without a healthy upstream before this host takes over" "30s";
        failures =
          key types.int "Failed probes in a row that a failover needs at least. The program's default is 3."
            3;
        restart_grace = period "Time that is added while the primary looks as if it were restarting" "0s";
        sync_wait = period "Time that a failover waits for a running pull" "5s";
        witnesses =
          key (types.listOf types.str)
            ''
              Addresses of which one must answer before the primary, and not this host, counts as cut off:
              `"tailscale"`, `"tcp://host:port"`, `"https://…"`. By default the local Tailscale daemon, if an upstream is
              on a tailnet.
            ''
            [
              "tailscale"
              "tcp://1.1.1.1:443"
            ];
      };
      demote = {
        after = period "Time that an upstream must be ready before this host steps aside" "30s";
        max_after = period "Longest value that repeated failovers extend `demote.after` to" "30m";
        flap_window = period "Time in which failovers count as repeated" "3h";
      };
      gateway = {
        unit =
          key types.str "Unit of this host's gateway. The module declares openclaw.service."
            "openclaw.service";
        url = mkOption {
          type = types.nullOr types.str;
          default = if cfg.role == "standby" then url else null;
          defaultText = literalExpression ''"http://127.0.0.1:''${toString gateway.settings.gateway.port}"'';
          example = "http://127.0.0.1:18789";
          description = "Address of this host's gateway, `https` if it speaks TLS. A primary needs none.";
        };
        ca_file = caFile;
        start_timeout = period "Time in which the gateway must answer after its start" "300s";
        stop_timeout = period "Time in which the gateway must stop" "345s";
        keep_queue = key types.bool ''
          True if the next start continues with the messages, turns and tasks of the last one, however old. The
          program's default is false.
        '' true;
      };
      workspace = {
        path = mkOption {
          type = plainPath;
          default = workspace;
          defaultText = literalExpression ''"''${user.home}/.openclaw/workspace"'';
          example = "/home/openclaw/.openclaw/workspace";
          description = ''
            Git checkout that the agent works in. The agent's user creates the folder. On a primary with nix-openclaw's
            `services.openclaw-gateway` it is that gateway's workspace by default.
          '';
        };
        url = mkOption {
          type = types.nullOr types.str;
          default = cfg.workspace.repo;
          defaultText = literalExpression "workspace.repo";
          example = "git@example.org:me/memory.git";
          description = "Address of the remote, for a workspace that is no checkout yet.";
        };
        remote = key types.str "Name of the remote. The program's default is origin." "origin";
        branch = key types.str "Branch that only the primary writes. The program's default is main." "main";
        timeout = period "Time limit of each network phase of a sync" "5m";
        refresh = period "Time between the pulls of a standby" "5m";
        push_interval = period "Time between the pushes of a primary" "5m";
        merge =
          key types.bool "True if a primary merges what standbys have pushed. The program's default is true."
            false;
        max_file =
          key size "Size above which a file is not committed. The program's default is 20MiB."
            "20MiB";
      };
      secrets = mkOption {
        type = types.listOf secret;
        default = [ ];
        example = [ { source = "openclaw@100.64.0.1:.openclaw/standby.env"; } ];
        description = ''
          Small files that each pull copies to this host. API keys need no copy: they belong in
          `gateway.environmentFile`.
        '';
      };
      notify = mkOption {
        type = types.listOf webhook;
        default = [ ];
        example = [
          {
            credential = "ntfy";
            format = "ntfy";
          }
        ];
        description = "Webhooks that receive events.";
      };
      heartbeat = {
        credential = credential "the URL that is requested while this host could take over" "heartbeat";
        interval = period "Time between requests" "1m";
        ca_file = caFile;
      };
      drill.interval = period "Time after a passed drill before the next one is overdue; `0s` for never" "30d";
    };
  };
}
