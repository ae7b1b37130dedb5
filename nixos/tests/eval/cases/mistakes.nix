# Mistakes, each with a part of its error message.
{ lib }:
let
  inherit (import ./hosts.nix)
    and
    minimal
    primary
    standby
    upstream
    ;
  failing = says: case: case // { inherit says; };
in
{
  # Caught by an assertion.
  refused = {
    sharedChannel = failing "the channel discord is the upstream's" (standby {
      gateway.settings.channels.discord = { };
    });
    noUpstream = failing "no upstream is set" {
      modules = [
        {
          services.openclaw-failover = {
            enable = true;
            gateway.permitInsecure = true;
            gateway.settings.channels.telegram.enabled = true;
          };
        }
      ];
    };
    literalToken =
      failing "gateway.settings: secret in plain text at channels.telegram.botToken"
        (standby {
          gateway.settings.channels.telegram.botToken = "not-for-the-store";
        });
    literalTokenByPrefix = failing "gateway.settings: secret in plain text at env.vars.MODEL" (standby {
      gateway.settings.env.vars.MODEL = "sk-ant-0123456789abcdef0123456789abcdef";
    });
    literalInSettings = failing "settings: secret in plain text at upstreams[].urls[]" (standby {
      settings.upstreams = lib.mkForce [ { urls = [ "http://me:hunter2@100.64.0.1:18789" ]; } ];
    });
    insecure = failing "nixpkgs marks OpenClaw insecure" {
      modules = [
        {
          services.openclaw-failover = {
            enable = true;
            settings.upstreams = [ upstream ];
            gateway.settings.channels.telegram.enabled = true;
          };
        }
      ];
    };
    upgradeOfFlake = failing "would build /etc/nixos/configuration.nix instead" {
      modules = [
        minimal
        {
          nixpkgs.flake.source = "/nix/store/nixpkgs";
          services.openclaw-failover.autoUpgrade.enable = true;
        }
      ];
    };
    upgradeByColmena = failing "built from a flake or by colmena" {
      modules = [
        minimal
        {
          options.deployment = lib.mkOption {
            type = lib.types.attrsOf lib.types.anything;
            default = { };
          };
          config.services.openclaw-failover.autoUpgrade.enable = true;
        }
      ];
    };
    immutableEtc = failing "/etc of this host is read-only" {
      modules = [
        minimal
        {
          boot.initrd.systemd.enable = true;
          services.userborn.enable = true;
          system.etc.overlay.enable = true;
          system.etc.overlay.mutable = false;
        }
      ];
    };
    gatewayOfHomeManager =
      failing "home-manager.users.me.programs.openclaw runs a gateway on port 18789"
        {
          modules = [
            minimal
            { home-manager.users.me.programs.openclaw.enable = true; }
          ];
        };
    gatewayOfHomeManagerByInstance =
      failing "home-manager.users.me.programs.openclaw runs a gateway on port 19000"
        {
          modules = [
            minimal
            {
              services.openclaw-failover.gateway.settings.gateway.port = 19000;
              home-manager.users.me.programs.openclaw.instances.work = {
                enable = true;
                gatewayPort = 19000;
              };
            }
          ];
        };
    homeless = failing "the user openclaw has no home directory" {
      modules = [
        primary
        {
          users.groups.openclaw = { };
          users.users.openclaw = {
            isSystemUser = true;
            group = "openclaw";
            home = "/var/empty";
          };
        }
      ];
    };
    crons = failing "crons run on the primary" (standby {
      gateway.settings.cron.enabled = true;
    });
    servicesOpenclaw = failing "both define openclaw.service" {
      modules = [
        minimal
        { services.openclaw.enable = true; }
      ];
    };
    servicesOpenclawGateway = failing "would hold the gateway's port 18789" {
      modules = [
        minimal
        { services.openclaw-gateway.enable = true; }
      ];
    };
    startedAtBoot = failing "systemd.services.openclaw is started by multi-user.target" {
      modules = [
        minimal
        { systemd.services.openclaw.wantedBy = [ "multi-user.target" ]; }
      ];
    };
    otherUnit = failing "settings.gateway.unit" (standby {
      settings.gateway.unit = "claw.service";
    });
    otherPort = failing "settings.gateway.url: the gateway listens on port 18789" (standby {
      settings.gateway.url = "http://127.0.0.1:8080";
    });
    primaryWithoutWorkspace = failing "a primary pushes its workspace" {
      modules = [
        {
          services.openclaw-failover = {
            enable = true;
            role = "primary";
            user.enable = true;
          };
        }
      ];
    };
    primaryWithDynamicUser = failing "no other unit can reach its workspace" {
      modules = [
        primary
        { systemd.services.openclaw.serviceConfig.DynamicUser = true; }
      ];
    };
    primaryWithUpstream = failing "a primary has no upstreams" (
      and primary { settings.upstreams = [ upstream ]; }
    );
  };

  warned = {
    manyChannels = failing "several channels: signal, telegram" (standby {
      gateway.settings.channels.signal = { };
    });
    noChannel = failing "has no chat channel while it serves" (standby {
      gateway.settings.channels.telegram.enabled = lib.mkForce false;
    });
    noUser = failing "no user me is declared" (
      and primary {
        user.enable = lib.mkForce false;
        user.name = "me";
      }
    );
    noKey = failing "no user of this host has an ssh key" (standby {
      user.authorizedKeys = lib.mkForce [ ];
    });
  };

  mistyped = {
    environmentInStore =
      failing "absolute path outside the Nix store" (standby {
        gateway.environmentFile = "${builtins.storeDir}/00000000000000000000000000000000-gateway.env";
      })
      // {
        value = ours: ours.gateway.environmentFile;
      };
    keyInStore =
      failing "absolute path outside the Nix store" (standby {
        workspace.sshKeyFile = ./mistakes.nix;
      })
      // {
        value = ours: ours.workspace.sshKeyFile;
      };
    duration =
      failing "duration such as" (standby {
        settings.promote.after = "half a minute";
      })
      // {
        value = ours: ours.settings.promote.after;
      };
    path =
      failing "absolute path of letters" (standby {
        settings.workspace.path = "/home/my claw";
      })
      // {
        value = ours: ours.settings.workspace.path;
      };
    misspelt =
      failing "does not exist" (standby {
        gatewy = { };
      })
      // {
        value = ours: ours.enable;
      };
  };
}
