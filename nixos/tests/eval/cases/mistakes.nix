# Mistakes, each with the message that helps.
{ lib }:
let
  inherit (import ./hosts.nix)
    and
    minimal
    primary
    standby
    upstream
    ;
  told = says: case: case // { inherit says; };
in
{
  # By an assertion.
  refused = {
    sharedChannel = told "the channel discord is the upstream's" (standby {
      gateway.settings.channels.discord = { };
    });
    noUpstream = told "a standby watches the primary, and none is named" {
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
    literalToken = told "gateway.settings: channels.telegram.botToken is written out" (standby {
      gateway.settings.channels.telegram.botToken = "not-for-the-store";
    });
    literalTokenByPrefix = told "gateway.settings: env.vars.MODEL is written out" (standby {
      gateway.settings.env.vars.MODEL = "sk-ant-0123456789abcdef0123456789abcdef";
    });
    literalInSettings = told "settings: upstreams[].urls[] is written out" (standby {
      settings.upstreams = lib.mkForce [ { urls = [ "http://me:hunter2@100.64.0.1:18789" ]; } ];
    });
    insecure = told "nixpkgs marks OpenClaw insecure" {
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
    upgradeOfFlake = told "would build /etc/nixos/configuration.nix instead" {
      modules = [
        minimal
        {
          nixpkgs.flake.source = "/nix/store/nixpkgs";
          services.openclaw-failover.autoUpgrade.enable = true;
        }
      ];
    };
    upgradeByColmena = told "built from a flake or by colmena" {
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
    immutableEtc = told "nothing can be put into /etc of this host" {
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
    gatewayOfHomeManager = told "home-manager.users.me.programs.openclaw runs a gateway on port 18789" {
      modules = [
        minimal
        { home-manager.users.me.programs.openclaw.enable = true; }
      ];
    };
    gatewayOfHomeManagerByInstance =
      told "home-manager.users.me.programs.openclaw runs a gateway on port 19000"
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
    homeless = told "the user openclaw has no home" {
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
    crons = told "crons are the primary's" (standby {
      gateway.settings.cron.enabled = true;
    });
    servicesOpenclaw = told "both define openclaw.service" {
      modules = [
        minimal
        { services.openclaw.enable = true; }
      ];
    };
    servicesOpenclawGateway = told "would hold the gateway's port 18789" {
      modules = [
        minimal
        { services.openclaw-gateway.enable = true; }
      ];
    };
    startedAtBoot = told "systemd.services.openclaw is started by multi-user.target" {
      modules = [
        minimal
        { systemd.services.openclaw.wantedBy = [ "multi-user.target" ]; }
      ];
    };
    otherUnit = told "settings.gateway.unit" (standby {
      settings.gateway.unit = "claw.service";
    });
    otherPort = told "settings.gateway.url: the gateway listens on port 18789" (standby {
      settings.gateway.url = "http://127.0.0.1:8080";
    });
    primaryWithoutWorkspace = told "a primary pushes its workspace" {
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
    primaryWithDynamicUser = told "no other unit can reach its workspace" {
      modules = [
        primary
        { systemd.services.openclaw.serviceConfig.DynamicUser = true; }
      ];
    };
    primaryWithUpstream = told "a primary has no upstreams" (
      and primary { settings.upstreams = [ upstream ]; }
    );
  };

  warned = {
    manyChannels = told "signal, telegram are more than one" (standby {
      gateway.settings.channels.signal = { };
    });
    noChannel = told "it cannot be reached by chat" (standby {
      gateway.settings.channels.telegram.enabled = lib.mkForce false;
    });
    noUser = told "no user me is declared" (
      and primary {
        user.enable = lib.mkForce false;
        user.name = "me";
      }
    );
    noKey = told "no user of this host has a key" (standby {
      user.authorizedKeys = lib.mkForce [ ];
    });
  };

  mistyped = {
    environmentInStore =
      told "absolute path outside the Nix store" (standby {
        gateway.environmentFile = "${builtins.storeDir}/00000000000000000000000000000000-gateway.env";
      })
      // {
        value = ours: ours.gateway.environmentFile;
      };
    keyInStore =
      told "absolute path outside the Nix store" (standby {
        workspace.sshKeyFile = ./mistakes.nix;
      })
      // {
        value = ours: ours.workspace.sshKeyFile;
      };
    duration =
      told "duration such as" (standby {
        settings.promote.after = "half a minute";
      })
      // {
        value = ours: ours.settings.promote.after;
      };
    path =
      told "absolute path of letters" (standby {
        settings.workspace.path = "/home/my claw";
      })
      // {
        value = ours: ours.settings.workspace.path;
      };
    misspelt =
      told "does not exist" (standby {
        gatewy = { };
      })
      // {
        value = ours: ours.enable;
      };
  };
}
