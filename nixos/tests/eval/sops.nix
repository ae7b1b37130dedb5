# Stub of an option of sops-nix.
{ lib }:
let
  inherit (lib) mkOption types;
in
mkOption {
  default = { };
  type = types.attrsOf (
    types.submodule (
      { name, ... }:
      {
        freeformType = types.attrsOf types.anything;
        options.path = mkOption {
          type = types.str;
          default = "/run/secrets/${name}";
        };
      }
    )
  );
}
