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
      module =
        { pkgs, ... }:
        {
          imports = [ ./nixos/module.nix ];
          services.openclaw-failover.package =
            lib.mkDefault
              self.packages.${pkgs.stdenv.hostPlatform.system}.default;
        };
    in
    {
      packages = forEach (
        pkgs: _: {
          # One static binary, which runs anywhere.
          default = pkgs.pkgsStatic.callPackage ./nixos/package.nix { };
          dynamic = pkgs.callPackage ./nixos/package.nix { };
        }
      );

      apps = forEach (
        _: packages: {
          default = {
            type = "app";
            program = lib.getExe packages.default;
            meta.description = "Watches a gateway, and fails over";
          };
        }
      );

      overlays.default = final: _: {
        openclaw-failover = final.callPackage ./nixos/package.nix { };
      };

      nixosModules.default = module;

      checks = forEach (
        pkgs: packages:
        let
          # The same source and dependencies, asked something else.
          cargo =
            name: tools: command:
            packages.dynamic.overrideAttrs (old: {
              pname = "openclaw-failover-${name}";
              nativeBuildInputs = old.nativeBuildInputs ++ tools;
              buildPhase = command;
              doCheck = false;
              installPhase = "touch $out";
            });
        in
        {
          inherit (packages) default dynamic;
          clippy = cargo "clippy" [ pkgs.clippy ] "cargo clippy --offline --locked --all-targets -- -D warnings";
          fmt = cargo "fmt" [ pkgs.rustfmt ] "cargo fmt --check";
          module =
            let
              inherit
                (import ./nixos/tests/eval {
                  inherit nixpkgs;
                  inherit (pkgs.stdenv.hostPlatform) system;
                })
                failures
                ;
            in
            lib.throwIf (failures != [ ]) (lib.concatStringsSep "\n" failures) (
              pkgs.runCommand "openclaw-failover-module" { } "touch $out"
            );
        }
        // import ./nixos/tests { inherit pkgs module; }
      );

      formatter = forEach (pkgs: _: pkgs.nixfmt-tree);

      devShells = forEach (
        pkgs: packages: {
          default = pkgs.mkShell {
            inputsFrom = [ packages.dynamic ];
            packages = [
              pkgs.clippy
              pkgs.rust-analyzer
              pkgs.rustfmt
            ]
            ++ packages.dynamic.nativeCheckInputs;
          };
        }
      );
    };
}
