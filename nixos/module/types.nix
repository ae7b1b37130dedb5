# Option types that NixOS lacks.
{ lib }:
let
  inherit (lib) types;
  # Paths are written into unit files and ssh_config, where other characters have a special meaning.
  plain = "/[A-Za-z0-9._/@+=-]*";
in
{
  # Every user of the host can read the Nix store, and caches hold copies of it. A Nix path such as ./secret.env would
  # be copied there, so only a string is accepted.
  runtimePath =
    types.addCheck (types.strMatching plain) (path: !lib.hasPrefix "${builtins.storeDir}/" path)
    // {
      description = "absolute path outside the Nix store, as a string of letters, digits and . _ / @ + = -";
    };

  plainPath = types.strMatching plain // {
    description = "absolute path of letters, digits and . _ / @ + = -";
  };

  # Names are written into unit files too.
  account = types.strMatching "[A-Za-z_][A-Za-z0-9_.-]*" // {
    description = "name of a user or group";
  };

  duration = types.strMatching "[0-9]+(ms|s|m|h|d)" // {
    description = ''duration such as "500ms", "10s", "5m", "2h" or "30d"'';
  };

  size = types.strMatching "[0-9]+(B|KiB|MiB|GiB)" // {
    description = ''size such as "100KiB" or "20MiB"'';
  };
}
