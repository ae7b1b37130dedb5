# Stand-ins for the packages that the module names: derivations by their looks, which keep what they were made of.
{ lib }:
let
  derivation = name: attributes: attributes // {
    type = "derivation";
    inherit name;
    outPath = "${builtins.storeDir}/${builtins.substring 0 32 (builtins.hashString "sha256" name)}-${name}";
  };
  json =
    let
      inherit (lib.types)
        attrsOf
        bool
        float
        int
        listOf
        nullOr
        oneOf
        path
        str
        ;
      value = nullOr (oneOf [ bool int float str path (attrsOf value) (listOf value) ]) // {
        description = "JSON value";
      };
    in
    value;
in
lib.genAttrs [
  "bash"
  "coreutils"
  "getent"
  "gitMinimal"
  "openclaw"
  "openclaw-failover"
  "openssh"
  "perl"
  "rsync"
  "sqlite"
  "tailscale"
  "util-linux"
] (name: derivation name { })
// {
  callPackage = _: _: derivation "openclaw-failover" { };
  formats.json = _: {
    type = json;
    generate = name: value: derivation name { value = builtins.toJSON value; };
  };
  runCommand = name: attributes: script: derivation name (attributes // { buildCommand = script; });
  writers.writePython3Bin = name: _: _: derivation name { };
  stdenv.buildPlatform.canExecute = _: true;
  stdenv.hostPlatform.system = "x86_64-linux";
}
