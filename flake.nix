{
  description = "Keeps an OpenClaw user reachable: watches the primary's gateway and fails over to a standby host";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      forEach =
        build:
        lib.genAttrs [
          "x86_64-linux"
          "aarch64-linux"
        ] (system: build nixpkgs.legacyPackages.${system} self.packages.${system});
    in
    {
      packages = forEach (
        pkgs: _: {
          # `nix run` and `nix profile install` need a build from cached parts; no cache has a static rustc.
          default = pkgs.callPackage ./nixos/package.nix { };
          # One binary to copy to hosts without Nix.
          static = pkgs.pkgsStatic.callPackage ./nixos/package.nix { };
          options-reference = import ./nixos/reference.nix { inherit lib pkgs; };
        }
      );

      overlays.default = final: _: {
        openclaw-failover = final.callPackage ./nixos/package.nix { };
      };

      nixosModules = {
        default = ./nixos/module.nix;
        openclaw-failover = ./nixos/module.nix;
      };

      checks = forEach (
        pkgs: packages:
        let
          inherit (pkgs.stdenv.hostPlatform) system;
          # The same source and dependencies under another command.
          cargo =
            name: tools: command:
            packages.default.overrideAttrs (old: {
              pname = "openclaw-failover-${name}";
              nativeBuildInputs = old.nativeBuildInputs ++ tools;
              buildPhase = command;
              doInstallCheck = false;
              installPhase = "touch $out";
            });
        in
        {
          package = packages.default;
          inherit (packages.default.tests) suite;
          clippy = cargo "clippy" [
            pkgs.clippy
          ] "cargo clippy --offline --locked --all-targets -- -D warnings";
          fmt = cargo "fmt" [ pkgs.rustfmt ] "cargo fmt --check";
          nixfmt = pkgs.runCommand "openclaw-failover-nixfmt" { nativeBuildInputs = [ pkgs.nixfmt ]; } ''
            find ${
              lib.fileset.toSource {
                root = ./.;
                fileset = lib.fileset.fileFilter (file: file.hasExt "nix") ./.;
              }
            } -type f -exec nixfmt --check {} +
            touch $out
          '';
          module =
            let
              inherit (import ./nixos/tests/eval { inherit nixpkgs system; }) failures;
            in
            lib.throwIf (failures != [ ]) (lib.concatStringsSep "\n" failures) (
              pkgs.runCommand "openclaw-failover-module" { } "touch $out"
            );
          inherit (packages) options-reference;
        }
        // import ./nixos/tests {
          inherit pkgs;
          module = self.nixosModules.default;
        }
      );

      formatter = forEach (pkgs: _: pkgs.nixfmt-tree);

      devShells = forEach (
        pkgs: packages: {
          default = pkgs.mkShell {
            inputsFrom = [ packages.default.tests.suite ];
            packages = [
              pkgs.clippy
              pkgs.rust-analyzer
              pkgs.rustfmt
            ];
          };
        }
      );
    };
}
