# Hosts that must come out as intended: what holds of each.
{ lib }:
let
  inherit (import ./hosts.nix)
    minimal
    primary
    standby
    upstream
    ;

  written = config: builtins.fromJSON config.environment.etc."openclaw-failover/config.json".source.written.value;
  gateway = config: builtins.fromJSON config.environment.etc."openclaw/openclaw.json".source.value;
  unit = config: name: config.systemd.services.${name};
  # Whether a unit has these programs in its path.
  finds =
    config: name:
    lib.all (program: lib.any (package: lib.hasPrefix program (package.name or package)) (unit config name).path);
  programs = [
    "git"
    "rsync"
    "sqlite"
  ];
  usual = "/home/openclaw/.openclaw";
  setup = name: ../../../../src/setup + "/${name}";
  # Whether a unit file has this line.
  file = name: line: lib.elem line (builtins.split "\n" (builtins.readFile (setup name)));
  # The units that are taken from the package, as far as they are there.
  taken =
    config:
    let
      script = package: builtins.unsafeDiscardStringContext (package.buildCommand or "");
      scripts = lib.concatMap (package: [ (script package) ]) config.systemd.packages;
      words = lib.concatMap (builtins.split "(openclaw[a-z-]*[.](service|timer))[ ;]") scripts;
    in
    map lib.head (lib.filter lib.isList words);
in
{
  minimal = standby { } // {
    holds = config: {
      "the configuration is what was said and what follows from it" =
        written config == {
          upstreams = [ (upstream // { name = "primary"; }) ];
          gateway.url = "http://127.0.0.1:18789";
          workspace.path = "/home/openclaw/.openclaw/workspace";
        };
      "the monitor starts at boot" = (unit config "openclaw-failover").wantedBy == [ "multi-user.target" ];
      "nothing is rehearsed unasked" = (config.systemd.timers.openclaw-failover-drill.wantedBy or [ ]) == [ ];
      "it keeps its old name" = (unit config "openclaw-failover").aliases == [ "openclaw-health-monitor.service" ];
      "the gateway is started by nobody" = ((unit config "openclaw").wantedBy or [ ]) == [ ];
      "a rebuild bounces neither the gateway nor a sync" =
        lib.all (name: !(unit config name).restartIfChanged) [
          "openclaw"
          "openclaw-sync-pull"
          "openclaw-sync-push"
        ];
      "a sync finds its programs" = lib.all (name: finds config name [ "openssh" ] && finds config name programs) [
        "openclaw-sync-pull"
        "openclaw-sync-push"
      ];
      "the monitor finds what it asks, and what it misses on behalf of the syncs" =
        finds config "openclaw-failover" [
          "getent"
          "openssh"
          "tailscale"
        ]
        && finds config "openclaw-failover" programs;
      "the gateway finds OpenClaw, a shell, and what its host has" =
        finds config "openclaw" [
          "openclaw"
          "bash"
        ]
        && lib.elem "/run/current-system/sw" (unit config "openclaw").path;
      "the usual folders are bound by the unit file" =
        lib.all (name: (unit config name).serviceConfig.BindPaths == [ ]) [
          "openclaw-sync-pull"
          "openclaw-sync-push"
        ];
      "only units that there are are taken" =
        lib.length (taken config) == 7 && lib.all (name: builtins.pathExists (setup name)) (taken config);
      "the unit files say what is believed of them" =
        file "openclaw-sync-pull.service" "BindPaths=-${usual}/workspace -${usual}/secrets"
        && file "openclaw-sync-push.service" "BindPaths=-${usual}/workspace -${usual}/state -${usual}/agents"
        && file "openclaw-failover.service" "LoadCredential=notify:/etc/openclaw-failover/credentials"
        && file "openclaw.service" "EnvironmentFile=-/etc/openclaw/gateway.env";
      "the gateway has its configuration, and no crons" =
        (gateway config).cron.enabled == false && (gateway config).gateway.bind == "tailnet";
      "polkit runs, and finds the rule" =
        config.security.polkit.enable
        && lib.elem config.services.openclaw-failover.package config.environment.systemPackages;
      "the monitor is a user of its own" = config.users.users.openclaw-failover.isSystemUser;
      "the agent has a home and its own group" =
        config.users.users.openclaw.isNormalUser && config.users.users.openclaw.group == "openclaw";
      "nobody but root sees the credentials" =
        lib.elem "d /etc/openclaw-failover/credentials 0700 root root -" config.systemd.tmpfiles.rules;
      "the host is hardened" =
        config.networking.firewall.enable
        && config.services.fail2ban.enable
        && config.services.tailscale.enable
        && config.services.openssh.enable
        && !config.services.openssh.settings.PasswordAuthentication
        && config.system.autoUpgrade.enable;
      "the gateway's port is open on the tailnet only" =
        config.networking.firewall.interfaces.tailscale0.allowedTCPPorts == [ 18789 ]
        && !(lib.elem 18789 (config.networking.firewall.allowedTCPPorts or [ ]));
    };
  };

  example = {
    modules = [ ../../../example.nix ];
    holds = config: {
      "tokens come from their file" =
        (unit config "openclaw").serviceConfig.EnvironmentFile == "/var/lib/secrets/gateway.env";
      "the key is openclaw's alone" = lib.hasPrefix "Match localuser openclaw" config.programs.ssh.extraConfig;
      "the git host is known" = config.programs.ssh.knownHosts ? "github.com";
      "a missing workspace is cloned" = (written config).workspace.url == "git@github.com:me/memory.git";
      "the channel's token is a reference" = (gateway config).channels.telegram.botToken.source == "env";
    };
  };

  unhardened =
    standby {
      firewall.enable = false;
      fail2ban.enable = false;
      tailscale.enable = false;
      ssh.enable = false;
      autoUpgrade.enable = false;
      user.enable = false;
    }
    // {
      holds = config: {
        "each toggle leaves its part to the rest of the system" =
          !config.services.fail2ban.enable
          && !config.services.tailscale.enable
          && !config.services.openssh.enable
          && !(config.system.autoUpgrade.enable or false)
          && !(config.networking.firewall.interfaces ? tailscale0);
        "somebody else declares the agent's user" = !(config.users.users ? openclaw);
      };
    };

  overruled = {
    modules = [
      minimal
      {
        networking.firewall.enable = false;
        services.openssh.settings.PasswordAuthentication = true;
        services.openclaw-failover.gateway.settings.gateway.port = 19000;
      }
    ];
    holds = config: {
      "what the person says elsewhere wins" =
        !config.networking.firewall.enable && config.services.openssh.settings.PasswordAuthentication;
      "the port is one, everywhere" =
        (written config).gateway.url == "http://127.0.0.1:19000"
        && config.networking.firewall.interfaces.tailscale0.allowedTCPPorts == [ 19000 ];
    };
  };

  told =
    standby {
      settings.notify = [
        {
          credential = "ntfy";
          format = "ntfy";
          events = [ "promoted" ];
        }
      ];
      settings.heartbeat.credential = "heartbeat";
    }
    // {
      holds = config: {
        "whom to tell is written as it was said" = (written config).heartbeat == { credential = "heartbeat"; };
      };
    };

  # Everything elsewhere: what the units' own sandboxes do not know is bound into them.
  moved = {
    modules = [
      minimal
      {
        users.users.openclaw.home = "/srv/claw";
        services.openclaw-failover = {
          settings.secrets = [ { source = "openclaw@100.64.0.1:.openclaw/standby.env"; } ];
          settings.workspace.push_interval = "10m";
          settings.probe.timeout = "3s";
          credentialsDirectory = "/run/secrets/openclaw-failover";
          tailscale.authKeyFile = "/run/secrets/tailscale";
        };
      }
    ];
    holds = config: {
      "any key of the program may be set" = (written config).probe == { timeout = "3s"; };
      "a pull sees workspace and secrets" =
        (unit config "openclaw-sync-pull").serviceConfig.BindPaths == [
          "-/srv/claw/.openclaw/workspace"
          "-/srv/claw/.openclaw/secrets"
        ];
      "both are made before they are bound" =
        lib.any (lib.hasSuffix "/bin/mkdir -p -- /srv/claw/.openclaw/workspace /srv/claw/.openclaw/secrets")
          (unit config "openclaw-sync-pull").serviceConfig.ExecStartPre;
      "a push sees what it puts away" =
        (unit config "openclaw-sync-push").serviceConfig.BindPaths == [
          "-/srv/claw/.openclaw/workspace"
          "-/srv/claw/.openclaw/state"
          "-/srv/claw/.openclaw/agents"
        ];
      "both see the keys" =
        lib.elem "-/srv/claw/.ssh" (unit config "openclaw-sync-pull").serviceConfig.BindReadOnlyPaths;
      "both see git's settings, and look outside for those that they do not see" =
        lib.all
          (
            name:
            lib.elem "-/srv/claw/.config/git" (unit config name).serviceConfig.BindReadOnlyPaths
            && lib.any (lib.hasSuffix "/bin/openclaw-failover sync files") (unit config name).serviceConfig.ExecStartPre
          )
          [
            "openclaw-sync-pull"
            "openclaw-sync-push"
          ];
      "a pull sees OpenClaw's configuration, and a push does not" =
        let
          sees =
            name: lib.elem "-/srv/claw/.openclaw/openclaw.json" (unit config name).serviceConfig.BindReadOnlyPaths;
        in
        sees "openclaw-sync-pull" && !sees "openclaw-sync-push";
      "credentials come from there" =
        (unit config "openclaw-failover").serviceConfig.LoadCredential == [
          ""
          "notify:/run/secrets/openclaw-failover"
        ];
      "the host joins the tailnet" = config.services.tailscale.authKeyFile == "/run/secrets/tailscale";
    };
  };

  rehearsed =
    standby {
      drill = {
        enable = true;
        onCalendar = "Wed 10:00";
      };
    }
    // {
      holds = config: {
        "the drills are regular, at the time that was said" =
          let
            timer = config.systemd.timers.openclaw-failover-drill;
          in
          timer.wantedBy == [ "timers.target" ]
          &&
            timer.timerConfig.OnCalendar == [
              ""
              "Wed 10:00"
            ];
      };
    };

  byHand = standby { gateway.settings = lib.mkForce null; } // {
    holds = config: {
      "OpenClaw reads its own file" =
        !(config.environment.etc ? "openclaw/openclaw.json")
        && !((unit config "openclaw").environment or { } ? OPENCLAW_CONFIG_PATH);
    };
  };

  primary = {
    modules = [ primary ];
    holds = config: {
      "the file has nothing but the workspace" =
        written config == {
          workspace = {
            path = "/home/openclaw/.openclaw/workspace";
            url = "git@example.org:me/memory.git";
          };
        };
      "only units that there are are taken" =
        lib.all (name: builtins.pathExists (setup name)) (taken config);
      "the push is regular" = config.systemd.timers.openclaw-sync-push.wantedBy == [ "timers.target" ];
      "a rebuild does not cut it" = !(unit config "openclaw-sync-push").restartIfChanged;
      "gateway, monitor and pull are not ours to declare" =
        !lib.any (name: config.systemd.services ? ${name}) [
          "openclaw"
          "openclaw-failover"
          "openclaw-sync-pull"
        ];
      "the host is left as it is" =
        !config.services.openssh.enable && !config.services.fail2ban.enable && !config.services.tailscale.enable;
    };
  };

  # A primary may run OpenClaw as it likes.
  nixpkgsPrimary = {
    modules = [
      primary
      {
        services.openclaw.enable = true;
        services.openclaw-failover.settings.workspace.path = "/var/lib/openclaw/workspace";
        systemd.services.openclaw = {
          wantedBy = [ "multi-user.target" ];
          serviceConfig.DynamicUser = lib.mkForce false;
          serviceConfig.User = "openclaw";
        };
      }
    ];
    holds = config: {
      "its gateway stays its own" = (unit config "openclaw").wantedBy == [ "multi-user.target" ];
      "the push sees its workspace" =
        (unit config "openclaw-sync-push").serviceConfig.BindPaths == [ "-/var/lib/openclaw/workspace" ];
    };
  };

  disabled = {
    modules = [ { services.openclaw-failover.settings.upstreams = [ upstream ]; } ];
    holds = config: {
      "nothing is declared" =
        !(config.systemd.services ? openclaw) && !(config.environment.etc ? "openclaw-failover/config.json");
    };
  };
}
