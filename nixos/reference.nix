# The reference of the module's options, as Markdown.
{ lib, pkgs }:
let
  root = toString ../. + "/";
  inherit
    (lib.evalModules {
      class = "nixos";
      specialArgs = { inherit pkgs; };
      modules = [
        ./module.nix
        # The options alone are read: NixOS's own, which the module sets, are not declared here.
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
