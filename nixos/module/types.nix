# The types of options that NixOS has no type for.
{ lib }:
let
  inherit (lib) types;
in
{
  # Whatever the Nix store holds, everybody on the host may read, and every cache that it is copied to. A Nix path such
  # as ./secret.env would be copied there, so only a text will do.
  runtimePath =
    types.addCheck types.str (
      path: lib.hasPrefix "/" path && !lib.hasPrefix "${builtins.storeDir}/" path
    )
    // {
      description = "absolute path outside the Nix store, as a string";
    };

  # It is written into unit files, where other characters would mean something.
  plainPath = types.strMatching "/[A-Za-z0-9._/@+=-]*" // {
    description = "absolute path of letters, digits and . _ / @ + = -";
  };

  duration = types.strMatching "[0-9]+(ms|s|m|h|d)" // {
    description = ''duration such as "500ms", "10s", "5m", "2h" or "30d"'';
  };
}
