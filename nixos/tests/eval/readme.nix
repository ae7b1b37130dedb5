# Nix blocks of the README: each is a file in nixos/examples, word for word, and each file is a case.
{ lib }:
let
  examples = ../../examples;
  files = lib.genAttrs (lib.attrNames (builtins.readDir examples)) (
    name: builtins.readFile (examples + "/${name}")
  );
  blocks = map (part: lib.head (lib.splitString "```" part)) (
    builtins.tail (lib.splitString "```nix\n" (builtins.readFile ../../../README.md))
  );

  # Hosts of the flake. Its configuration.nix is another block.
  flake = (import (examples + "/flake.nix")).outputs {
    nixpkgs.lib.nixosSystem = arguments: arguments;
    openclaw-failover.nixosModules.default = ../../module.nix;
  };
  # Settings that a reader adds to the block: an ssh key, a user.
  reader.users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA me" ];
in
{
  failures =
    lib.concatMap (
      name:
      lib.optional (!lib.elem files.${name} blocks) "README.md has no block like nixos/examples/${name}"
    ) (lib.attrNames files)
    ++ lib.concatMap (
      block:
      lib.optional (
        !lib.elem block (lib.attrValues files)
      ) "nixos/examples has no file like this block: ${block}"
    ) blocks;

  cases = {
    readme-flake = {
      modules = flake.nixosConfigurations.standby.modules ++ [ reader ];
      holds = config: {
        "a second import of the module changes nothing" =
          lib.length config.services.openclaw-failover.settings.upstreams == 1;
      };
    };
    readme-primary = {
      modules = [
        (examples + "/primary.nix")
        { users.users.me.isNormalUser = true; }
      ];
      holds = config: {
        "the workspace is that user's" =
          config.services.openclaw-failover.settings.workspace.path == "/home/me/.openclaw/workspace";
      };
    };
    readme-sops = {
      modules = [
        (import ./cases/hosts.nix).minimal
        (examples + "/sops.nix")
      ];
      holds = config: {
        "the key is the one that sops-nix writes" =
          config.services.openclaw-failover.workspace.sshKeyFile == "/run/secrets/openclaw-ssh-key";
      };
    };
  };
}
