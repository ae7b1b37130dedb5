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
  told = says: case: case // { inherit says; };
in
{
  # Caught by an assertion.
  refused = {
    sharedChannel = told "the channel discord is the upstream's" (standby {
      gateway.settings.channels.discord = { };
    });
    noUpstream = told "no upstream is set" {
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
      told "gateway.settings: secret in plain text at channels.telegram.botToken"
        (standby {
          gateway.settings.channels.telegram.botToken = "not-for-the-store";
        });
    literalTokenByPrefix = told "gateway.settings: secret in plain text at env.vars.MODEL" (standby {
      gateway.settings.env.vars.MODEL = "sk-ant-0123456789abcdef0123456789abcdef";
    });
    literalInSettings = told "settings: secret in plain text at upstreams[].urls[]" (standby {
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
    crons = told "crons run on the primary" (standby {
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
    primaryWithDynamicUser = told "the push cannot read its workspace" {
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
    manyChannels = told "several channels: signal, telegram" (standby {
      gateway.settings.channels.signal = { };
    });
    noChannel = told "has no chat channel while it serves" (standby {
      gateway.settings.channels.telegram.enabled = lib.mkForce false;
    });
    noUser = told "no user me is declared" (
      and primary {
        user.enable = lib.mkForce false;
        user.name = "me";
      }
    );
    noKey = told "no user of this host has an ssh key" (standby {
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
