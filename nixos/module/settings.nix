# Configuration of the monitor and of the syncs: /etc/openclaw-failover/config.json.
#
# Each key of the program is an option. A key that is not set is not written, so the program's default applies. The type
# is open: a key without an option may be set too. The program checks the file when the system is built.
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

  # Option for a key of the program.
  key =
    type: description: example:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit description example;
    };
  # Option for a duration, with the program's default in its description.
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
      description = "URLs of the gateway. They are probed in parallel; one healthy answer is enough.";
    };
    channels = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "discord" ];
      description = "Chat channels of this upstream. Evaluation fails if the standby uses one of them too.";
    };
    credential = credential "its gateway token, with which muted channels are detected" "primary";
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
      description = "Directory on this host for this secret only, created by the agent's user.";
    };
  };

  webhook = object {
    credential = credential "its URL in the first line, headers below" "ntfy";
    format = key types.str "Format of the message: json, ntfy, discord, telegram or slack." "ntfy";
    events = key (types.listOf types.str) "Topics to send. Default: all." [
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
      read it: it names credentials but contains none. The program checks it when the system is built.
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
        description = "Gateways with priority over this standby, usually one. A primary has none.";
      };
      probe = {
        interval = period "Time between probes while the upstream is healthy" "10s";
        retry_interval = period "Time between probes after a failed one" "3s";
        timeout = period "Time limit of a whole probe" "5s";
      };
      promote = {
        after = period "Time without a healthy upstream before this host takes over" "30s";
        failures =
          key types.int "Least number of failed probes in a row for a failover. The program's default is 3."
            3;
        restart_grace = period "Time added while the primary seems to restart" "0s";
        sync_wait = period "Time for which a failover waits for a running pull" "5s";
        witnesses =
          key (types.listOf types.str)
            ''
              Addresses of which one must answer before a failover; if none does, this host is cut off, not the primary:
              `"tailscale"`, `"tcp://host:port"`, `"https://…"`. By default the local Tailscale daemon, if an upstream
              is on a tailnet.
            ''
            [
              "tailscale"
              "tcp://1.1.1.1:443"
            ];
      };
      demote = {
        after = period "Time for which an upstream must be ready before failback" "30s";
        max_after = period "Upper limit of `demote.after` when repeated failovers double it" "30m";
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
          True to keep the queued messages, turns and tasks of the last run for the next start, however old. The
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
            Git checkout in which the agent works. The agent's user creates the directory. Default on a primary with
            nix-openclaw's `services.openclaw-gateway`: that gateway's workspace.
          '';
        };
        url = mkOption {
          type = types.nullOr types.str;
          default = cfg.workspace.repo;
          defaultText = literalExpression "workspace.repo";
          example = "git@example.org:me/memory.git";
          description = "Address of the remote, for a workspace that is not a checkout yet.";
        };
        remote = key types.str "Name of the remote. The program's default is origin." "origin";
        branch =
          key types.str "Branch to which only the primary pushes. The program's default is main."
            "main";
        timeout = period "Time limit of each network phase of a sync" "5m";
        refresh = period "Time between the pulls of a standby" "5m";
        push_interval = period "Time between the pushes of a primary" "5m";
        merge =
          key types.bool
            "True if a primary merges the branches of its standbys. The program's default is true."
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
