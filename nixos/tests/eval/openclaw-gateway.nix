# A stand-in for the options of nix-openclaw's NixOS module.
{ lib }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
in
{
  enable = option types.bool false;
  port = option types.port 18789;
  stateDir = option types.str "/var/lib/openclaw";
  config = option (types.attrsOf types.anything) { };
}
