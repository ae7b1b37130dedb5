# The module's derived values for a configuration, which the cases judge.
{ lib }:
config:
import ../../module/derived.nix {
  inherit config lib;
  pkgs = import ./pkgs.nix { inherit lib; };
}
