# Stubs of the packages that the module uses: attribute sets like derivations, with their inputs.
{ lib }:
let
  derivation =
    name: attributes:
    attributes
    // {
      type = "derivation";
      inherit name;
      outPath = "${builtins.storeDir}/${
        builtins.substring 0 32 (builtins.hashString "sha256" name)
      }-${name}";
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
      value =
        nullOr (oneOf [
          bool
          int
          float
          str
          path
          (attrsOf value)
          (listOf value)
        ])
        // {
          description = "JSON value";
        };
    in
    value;
in
lib.genAttrs [
  "bash"
  "bashInteractive"
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
  # Marked as in nixpkgs.
  openclaw =
    let
      marked =
        meta:
        derivation "openclaw" {
          meta = meta // rec {
            insecure = meta.knownVulnerabilities != [ ];
            available = !insecure;
          };
          overrideAttrs = change: marked (change { inherit meta; }).meta;
        };
    in
    marked {
      knownVulnerabilities = [ "a message may talk it into something" ];
    };
  symlinkJoin = attributes: derivation attributes.name attributes;
  writeTextDir = path: text: derivation (baseNameOf path) { inherit text; };
  callPackage = _: _: derivation "openclaw-failover" { };
  formats.json = _: {
    type = json;
    generate = name: value: derivation name { value = builtins.toJSON value; };
  };
  runCommand =
    name: attributes: script:
    derivation name (attributes // { buildCommand = script; });
  writers.writePython3Bin =
    name: _: _:
    derivation name { };
  stdenv.buildPlatform.canExecute = _: true;
  stdenv.hostPlatform.system = "x86_64-linux";
}
