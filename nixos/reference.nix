# Reference of the module's options, as Markdown.
{ lib, pkgs }:
let
  root = toString ../. + "/";
  inherit
    (lib.evalModules {
      class = "nixos";
      specialArgs = { inherit pkgs; };
      modules = [
        ./module.nix
        # Only the module's own options are read. The NixOS options that it sets are not declared here.
        { _module.check = false; }
      ];
    })
    options
    ;
in
(pkgs.nixosOptionsDoc {
  options = { inherit (options) services; };
  transformOptions =
    option:
    option
    // {
      # A plain string would be shown as a file of nixpkgs.
      declarations = map (file: { name = lib.removePrefix root (toString file); }) option.declarations;
    };
}).optionsCommonMark
