# Hosts that must evaluate as intended, with expectations for each.
{ lib }:
let
  inherit (import ./hosts.nix)
    account
    every
    minimal
    primary
    standby
    upstream
    ;

  judge = import ../judge.nix { inherit lib; };
  written = config: (judge config).settings;
  gateway = config: config.services.openclaw-failover.gateway.settings;
  unit = config: name: config.systemd.services.${name};
  # Lines of an installed unit file.
  lines = config: name: lib.splitString "\n" (judge config).units.${name};
  says =
    config: name: line:
    lib.elem line (lines config name);
  # Lines of an installed unit file that name something this host does not have.
  misses =
    config: name:
    let
      home = "/home/openclaw";
      isForeign =
        line:
        !lib.hasPrefix "#" line
        && (
          builtins.match ".*/usr/(local|bin/[^e]|sbin).*" line != null
          || builtins.match ".*[ =@+!-]/bin/[^s].*" line != null
          || ((judge config).home != home && builtins.match ".*${home}.*" line != null)
          || (
            (judge config).user != "openclaw"
            && builtins.match ".*(User|Group|Groups|reuid|regid)=openclaw( .*)?" line != null
          )
        );
    in
    lib.filter isForeign (lines config name);
  # True if no unit of this host names a path or account that it does not have.
  isAtHome = config: lib.all (name: misses config name == [ ]) (lib.attrNames (judge config).units);
  # True if a unit has these programs in its path.
  finds =
    config: name:
    lib.all (
      program: lib.any (package: lib.hasPrefix program (package.name or package)) (unit config name).path
    );
  # Command line with its store paths shortened to package names.
  shorten =
    line:
    lib.concatStringsSep "" (
      map (part: if lib.isList part then "/${lib.head part}" else part) (
        builtins.split "${builtins.storeDir}/[a-z0-9]{32}-([a-z]+(-[a-z]+)*)[^/]*" (
          builtins.unsafeDiscardStringContext line
        )
      )
    );
  programs = [
    "git"
    "rsync"
    "sqlite"
  ];
  usual = "/home/openclaw/.openclaw";
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
      "the monitor starts at boot" =
        (unit config "openclaw-failover").wantedBy == [ "multi-user.target" ];
      "drills are off by default" =
        (config.systemd.timers.openclaw-failover-drill.wantedBy or [ ]) == [ ];
      "the monitor keeps its old name as an alias" =
        (unit config "openclaw-failover").aliases == [ "openclaw-health-monitor.service" ];
      "no target starts the gateway" = ((unit config "openclaw").wantedBy or [ ]) == [ ];
      "a rebuild restarts neither the gateway nor a sync" =
        lib.all (name: !(unit config name).restartIfChanged)
          [
            "openclaw"
            "openclaw-sync-pull"
            "openclaw-sync-push"
          ];
      "a sync finds its programs" =
        lib.all (name: finds config name [ "openssh" ] && finds config name programs)
          [
            "openclaw-sync-pull"
            "openclaw-sync-push"
          ];
      "the monitor finds its programs, and checks those of the syncs" =
        finds config "openclaw-failover" [
          "getent"
          "openssh"
          "tailscale"
        ]
        && finds config "openclaw-failover" programs;
      "the gateway finds OpenClaw, a shell, and the host's programs" =
        finds config "openclaw" [
          "openclaw"
          "bash"
        ]
        && lib.elem "/run/current-system/sw" (unit config "openclaw").path;
      "the usual folders are bound by the unit file" =
        lib.all (name: (unit config name).serviceConfig.BindPaths == [ ]) [
          "openclaw-sync-pull"
          "openclaw-sync-push"
        ]
        && says config "openclaw-sync-pull.service" "BindPaths=-${usual}/workspace -${usual}/secrets";
      "the units of src/setup/units are installed, except a primary's" =
        let
          names = lib.attrNames (judge config).units;
        in
        lib.all (name: lib.elem name names) [
          "openclaw-failover.service"
          "openclaw-failover-drill.service"
          "openclaw-failover-drill.timer"
          "openclaw.service"
          "openclaw-sync-pull.service"
          "openclaw-sync-push.service"
        ]
        && !lib.elem "openclaw-sync-push.timer" names;
      "the units name nothing that NixOS does not have" = isAtHome config;
      "the unit files equal those of other hosts, except for paths of programs" =
        let
          inherit (judge config) units;
          program = "${config.services.openclaw-failover.package}/bin/openclaw-failover";
          store = name: "${builtins.storeDir}/[a-z0-9]{32}-${name}/bin/";
          usual =
            text:
            lib.concatStringsSep "/usr/bin/" (
              lib.filter builtins.isString (
                builtins.split "${store "(coreutils|util-linux)"}" (
                  builtins.replaceStrings [ program ] [ "/usr/local/bin/openclaw-failover" ] (
                    builtins.unsafeDiscardStringContext text
                  )
                )
              )
            );
        in
        lib.all (
          name: usual units.${name} == builtins.readFile (../../../../src/setup/units + "/${name}")
        ) (lib.attrNames units);
      "the monitor is the package's program" =
        says config "openclaw-failover.service"
          "ExecStart=${config.services.openclaw-failover.package}/bin/openclaw-failover run";
      "the well-known git hosts are known" =
        lib.all
          (host: lib.any (known: known.hostNames == [ host ]) (lib.attrValues config.programs.ssh.knownHosts))
          [
            "github.com"
            "gitlab.com"
            "codeberg.org"
          ];
      "the gateway has its configuration, and no crons" =
        (gateway config).cron.enabled == false && (gateway config).gateway.bind == "tailnet";
      "polkit runs, and finds the rule" =
        config.security.polkit.enable
        && lib.elem config.services.openclaw-failover.package config.environment.systemPackages;
      "the monitor has its own user" = config.users.users.openclaw-failover.isSystemUser;
      "the agent has a home and its own group" =
        config.users.users.openclaw.isNormalUser && config.users.users.openclaw.group == "openclaw";
      "only root can read the credentials" =
        lib.elem "d /etc/openclaw-failover/credentials 0700 root root -" config.systemd.tmpfiles.rules;
      "the host is hardened" =
        config.networking.firewall.enable
        && config.services.fail2ban.enable
        && config.services.tailscale.enable
        && config.services.openssh.enable
        && !config.services.openssh.settings.PasswordAuthentication;
      "upgrades are off by default" = !(config.system.autoUpgrade.enable or false);
      "the gateway's port is open on the tailnet only" =
        config.networking.firewall.interfaces.tailscale0.allowedTCPPorts == [ 18789 ]
        && !(lib.elem 18789 (config.networking.firewall.allowedTCPPorts or [ ]));
    };
  };

  example = {
    modules = [ ../../../example.nix ];
    holds = config: {
      "tokens come from their file, which must exist" =
        says config "openclaw.service"
          "EnvironmentFile=/var/lib/secrets/gateway.env";
      "only openclaw uses the key, before ssh's default keys" =
        config.programs.ssh.extraConfig == ''
          Match localuser openclaw
            IdentityFile /var/lib/secrets/openclaw-ssh-key
            IdentityFile ~/.ssh/id_rsa
            IdentityFile ~/.ssh/id_ecdsa
            IdentityFile ~/.ssh/id_ecdsa_sk
            IdentityFile ~/.ssh/id_ed25519
            IdentityFile ~/.ssh/id_ed25519_sk
          Match all
        '';
      "a missing workspace is cloned" = (written config).workspace.url == "git@github.com:me/memory.git";
      "the channel's token is a reference" = (gateway config).channels.telegram.botToken.source == "env";
    };
  };

  unhardened = {
    modules = [
      minimal
      {
        services.openclaw-failover = {
          firewall.enable = false;
          fail2ban.enable = false;
          tailscale.enable = false;
          ssh.enable = false;
          user.enable = false;
        };
        users.users.openclaw = {
          isNormalUser = true;
          description = "mine";
        };
      }
    ];
    holds = config: {
      "each toggle leaves its part to the rest of the system" =
        !config.services.fail2ban.enable
        && !config.services.tailscale.enable
        && !config.services.openssh.enable
        && !(config.networking.firewall.interfaces ? tailscale0);
      "the agent's user is as it was declared elsewhere" =
        config.users.users.openclaw.description == "mine";
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

  # Images and profiles set their own defaults; Google's disables the firewall.
  image = {
    modules = [
      minimal
      {
        networking.firewall.enable = lib.mkDefault false;
        services.openssh.enable = lib.mkDefault false;
        services.openssh.settings.PermitRootLogin = lib.mkDefault "yes";
        services.fail2ban.enable = lib.mkDefault false;
        services.tailscale.enable = lib.mkDefault false;
      }
    ];
    holds = config: {
      "the host is hardened despite those defaults" =
        config.networking.firewall.enable
        && config.services.openssh.enable
        && config.services.openssh.settings.PermitRootLogin == "prohibit-password"
        && config.services.fail2ban.enable
        && config.services.tailscale.enable;
    };
  };

  # A tailnet without an interface.
  userspace = {
    modules = [
      minimal
      { services.tailscale.interfaceName = "userspace-networking"; }
    ];
    holds = config: {
      "no firewall rule names an interface that does not exist" =
        !(config.networking.firewall.interfaces ? userspace-networking);
    };
  };

  # With profiles/perlless.nix, a system that contains perl fails to build.
  perlless = {
    modules = [
      minimal
      { system.forbiddenDependenciesRegexes = [ "perl" ]; }
    ];
    holds = config: {
      "no unit needs perl" = lib.all (name: !finds config name [ "perl" ]) [
        "openclaw"
        "openclaw-failover"
        "openclaw-sync-pull"
        "openclaw-sync-push"
      ];
      "the syncs find the rest" = finds config "openclaw-sync-pull" programs;
    };
  };

  # OpenClaw has more keys than channels there.
  channelDefaults =
    standby {
      gateway.settings.channels = {
        defaults.groupPolicy = "allowlist";
        modelByChannel.telegram."*" = "anthropic/claude-opus-4-6";
      };
    }
    // {
      holds = config: {
        "those keys do not count as channels" = (judge config).channels == [ "telegram" ];
      };
    };

  # The account is declared by this module, with values of its owner.
  accounts = {
    modules = [
      minimal
      {
        users.users.openclaw = {
          group = "users";
          isNormalUser = false;
          isSystemUser = true;
          home = "/srv/claw";
        };
      }
    ];
    holds = config: {
      "its owner's values set kind, group and home" =
        !config.users.users.openclaw.isNormalUser
        && config.users.users.openclaw.createHome
        && (judge config).group == "users"
        && (judge config).home == "/srv/claw";
      "the units run in that group" = says config "openclaw.service" "Group=users";
    };
  };

  everyKey = every;

  notified =
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
        "the heartbeat is written as configured" =
          (written config).heartbeat == { credential = "heartbeat"; };
      };
    };

  # Every path moved: directories that the units' sandboxes do not know are bind-mounted.
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
      "the units name no other home" = isAtHome config;
      "a pull sees workspace and secrets" =
        says config "openclaw-sync-pull.service"
          "BindPaths=-/srv/claw/.openclaw/workspace -/srv/claw/.openclaw/secrets";
      "both are made before they are bound" =
        let
          made = "/srv/claw/.openclaw/workspace /srv/claw/.openclaw/secrets";
          commands = (unit config "openclaw-sync-pull").serviceConfig.ExecStartPre;
        in
        lib.any (lib.hasSuffix "/bin/mkdir -p -- ${made}") commands;
      "a push sees what it puts away" =
        says config "openclaw-sync-push.service"
          "BindPaths=-/srv/claw/.openclaw/workspace -/srv/claw/.openclaw/state -/srv/claw/.openclaw/agents";
      "both see the keys" =
        says config "openclaw-sync-pull.service"
          "BindReadOnlyPaths=-/srv/claw/.ssh -/srv/claw/.gitconfig -/srv/claw/.gitconfig.local"
        &&
          says config "openclaw-sync-push.service"
            "BindReadOnlyPaths=-/srv/claw/.ssh -/srv/claw/.gitconfig -/srv/claw/.gitconfig.local";
      "credentials come from there" =
        says config "openclaw-failover.service"
          "LoadCredential=notify:/run/secrets/openclaw-failover";
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
    modules = [
      primary
      account
    ];
    holds = config: {
      "the file has nothing but the workspace" =
        written config == {
          workspace = {
            path = "/home/openclaw/.openclaw/workspace";
            url = "git@example.org:me/memory.git";
          };
        };
      "the push is a primary's" =
        lib.attrNames (judge config).units == [
          "openclaw-sync-push.service"
          "openclaw-sync-push.service.d/primary.conf"
          "openclaw-sync-push.timer"
        ];
      "the push is regular" = config.systemd.timers.openclaw-sync-push.wantedBy == [ "timers.target" ];
      "a rebuild does not cut it" = !(unit config "openclaw-sync-push").restartIfChanged;
      "gateway, monitor and pull are not ours to declare" =
        !lib.any (name: config.systemd.services ? ${name}) [
          "openclaw"
          "openclaw-failover"
          "openclaw-sync-pull"
        ];
      "the host is left as it is" =
        !config.services.openssh.enable
        && !config.services.fail2ban.enable
        && !config.services.tailscale.enable;
    };
  };

  # OpenClaw runs as a person's own user, by Home Manager for example.
  personal = {
    modules = [
      primary
      {
        users.users.me = {
          isNormalUser = true;
          group = "users";
        };
        services.openclaw-failover = {
          user.name = "me";
          workspace.sshKeyFile = "/run/secrets/memory";
        };
      }
    ];
    holds = config: {
      "the push is that user's" =
        says config "openclaw-sync-push.service" "User=me"
        && says config "openclaw-sync-push.service" "Group=users"
        && isAtHome config;
      "it sees that user's workspace and keys" =
        says config "openclaw-sync-push.service"
          "BindPaths=-/home/me/.openclaw/workspace -/home/me/.openclaw/state -/home/me/.openclaw/agents"
        &&
          says config "openclaw-sync-push.service"
            "BindReadOnlyPaths=-/home/me/.ssh -/home/me/.gitconfig -/home/me/.gitconfig.local"
        &&
          says config "openclaw-sync-push.service"
            "BindReadOnlyPaths=-/home/me/.config/git -/home/me/.gitignore -/home/me/.gitignore_global";
      "that user makes the folder" =
        let
          account = "--reuid=me --regid=users --init-groups --reset-env";
          command = "-+/util-linux/bin/setpriv ${account} /coreutils/bin/mkdir -p -- /home/me/.openclaw/workspace";
        in
        map shorten (unit config "openclaw-sync-push").serviceConfig.ExecStartPre == [ command ];
      "the push finds that user's own tools after the module's" =
        let
          path = (unit config "openclaw-sync-push").path;
        in
        lib.hasPrefix "getent" ((lib.head path).name or "")
        && lib.elem "/etc/profiles/per-user/me" path
        && lib.elem "/run/current-system/sw" path;
      "the ssh key is that user's" = lib.hasPrefix "Match localuser me\n" config.programs.ssh.extraConfig;
      "no other user is declared" = !(config.users.users ? openclaw);
    };
  };

  # Another module, such as nix-openclaw's, declares the user.
  foreignUser = {
    modules = [
      primary
      {
        users.groups.openclaw = { };
        users.users.openclaw = {
          isSystemUser = true;
          group = "openclaw";
          home = "/var/lib/openclaw";
        };
      }
    ];
    holds = config: {
      "its home is where the workspace is" =
        (written config).workspace.path == "/var/lib/openclaw/.openclaw/workspace";
    };
  };

  # nix-openclaw's NixOS module runs the gateway, in its own directory.
  foreignGateway = {
    modules = [
      primary
      {
        services.openclaw-gateway.enable = true;
        users.groups.openclaw = { };
        users.users.openclaw = {
          isSystemUser = true;
          group = "openclaw";
          home = "/var/lib/openclaw";
        };
      }
    ];
    holds = config: {
      "the workspace is that gateway's" =
        (written config).workspace.path == "/var/lib/openclaw/workspace";
      "the push can reach it" =
        (unit config "openclaw-sync-push").serviceConfig.BindPaths == [ "-/var/lib/openclaw/workspace" ];
    };
  };

  # A gateway behind TLS.
  tls =
    standby {
      gateway.settings.gateway.tls.enabled = true;
      settings.gateway.ca_file = "/etc/ssl/claw.pem";
    }
    // {
      holds = config: {
        "the monitor speaks TLS to it" = (written config).gateway.url == "https://127.0.0.1:18789";
      };
    };

  # Accounts with other names, also on a standby.
  renamed =
    standby {
      user = {
        name = "claw";
        group = "bots";
        home = "/srv/claw";
      };
    }
    // {
      holds = config: {
        "gateway and syncs are that user's" =
          lib.all (unit: says config unit "User=claw" && says config unit "Group=bots")
            [
              "openclaw.service"
              "openclaw-sync-pull.service"
              "openclaw-sync-push.service"
            ];
        "the monitor keeps its own" = says config "openclaw-failover.service" "User=openclaw-failover";
        "the user is declared so" =
          config.users.users.claw.home == "/srv/claw"
          && config.users.users.claw.group == "bots"
          && config.users.groups ? bots;
        "no unit names another" = isAtHome config;
      };
    };

  # systemd-sysusers creates no normal users.
  sysusers = {
    modules = [
      minimal
      {
        systemd.sysusers.enable = true;
        users.mutableUsers = false;
        users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA me" ];
      }
    ];
    holds = config: {
      "the agent is a system user with a home" =
        config.users.users.openclaw.isSystemUser
        && !config.users.users.openclaw.isNormalUser
        && config.users.users.openclaw.home == "/home/openclaw";
    };
  };

  userborn = {
    modules = [
      minimal
      { services.userborn.enable = true; }
    ];
    holds = config: {
      "the agent is a normal user" = config.users.users.openclaw.isNormalUser;
    };
  };

  upgraded = {
    modules = [
      minimal
      {
        nixpkgs.flake.source = "/nix/store/nixpkgs";
        system.autoUpgrade.flake = "github:me/hosts";
        services.openclaw-failover.autoUpgrade.enable = true;
      }
    ];
    holds = config: {
      "it upgrades itself, and does not reboot" =
        config.system.autoUpgrade.enable && !config.system.autoUpgrade.allowReboot;
    };
  };

  knownHosts =
    standby {
      knownHosts."git.example.org" = [
        "ssh-ed25519 AAAA1"
        "ecdsa-sha2-nistp256 AAAA2"
      ];
    }
    // {
      holds = config: {
        "a host may have several keys" =
          lib.length (
            lib.filter (known: known.hostNames == [ "git.example.org" ]) (
              lib.attrValues config.programs.ssh.knownHosts
            )
          ) == 2;
      };
    };

  # A primary may run OpenClaw in any way.
  nixpkgsPrimary = {
    modules = [
      primary
      account
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
        !(config.systemd.services ? openclaw)
        && !(config.environment.etc ? "openclaw-failover/config.json");
    };
  };
}
