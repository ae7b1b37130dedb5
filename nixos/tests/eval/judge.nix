# The module's derived values for a configuration, for use in the cases.
{ lib }:
config:
import ../../module/derived.nix {
  inherit config lib;
  pkgs = import ./pkgs.nix { inherit lib; };
}
