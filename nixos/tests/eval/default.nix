# Evaluates the module over the cases in ./cases, and tells what did not come out as it should.
#
# With no argument it runs on a double of the module system. With `lib`, the path of nixpkgs' `lib`, it runs on that one;
# with `nixpkgs`, the path of a whole nixpkgs, on all of NixOS, whose own assertions must then hold too.
{
  lib ? null,
  nixpkgs ? null,
  system ? "x86_64-linux",
}:
let
  library =
    if nixpkgs != null then
      import (nixpkgs + "/lib")
    else if lib != null then
      import lib
    else
      import ./double;
  stubs = import ./pkgs.nix { lib = library; };

  # OpenClaw's own modules, where this nixpkgs has none.
  foreign =
    let
      known = (nixos [ ]).options.services;
      switch = library.mkEnableOption "it";
    in
    {
      options.services =
        library.optionalAttrs (!known ? openclaw) { openclaw.enable = switch; }
        // library.optionalAttrs (!known ? openclaw-gateway) { openclaw-gateway.enable = switch; };
    };
  nixos =
    modules:
    import (nixpkgs + "/nixos/lib/eval-config.nix") {
      lib = library;
      inherit modules system;
    };

  evaluate =
    case:
    let
      modules = [ ../../module.nix ] ++ case;
    in
    if nixpkgs != null then
      (nixos (modules ++ [
        foreign
        ./machine.nix
        { services.openclaw-failover.gateway.package = library.mkDefault stubs.openclaw; }
        { services.openclaw-failover.package = library.mkDefault stubs.openclaw-failover; }
      ])).config
    else
      (library.evalModules {
        modules = modules ++ [ ./host.nix ];
        specialArgs.pkgs = stubs;
      }).config;

  written = library.filterAttrs (
    _: config: config.environment.etc ? "openclaw-failover/config.json"
  ) evaluated;

  cases = import ./cases/mistakes.nix { lib = library; };
  intended = import ./cases/sound.nix { lib = library; };
  sound = intended // library.optionalAttrs (nixpkgs == null) machines;
  evaluated = library.mapAttrs (_: case: evaluate case.modules) sound;

  # The hosts of the tests in virtual machines, which cannot be booted everywhere. NixOS evaluates them by itself.
  machines = builtins.listToAttrs (
    library.concatLists (
      library.mapAttrsToList (
        test: file:
        library.mapAttrsToList (host: module: {
          name = "vm-${test}-${host}";
          value.modules = [ module ];
        }) (import file { pkgs = stubs; }).nodes
      ) (import ../all.nix)
    )
  );

  contains =
    part: text:
    let
      line = builtins.replaceStrings [ "\n" ] [ " " ] text;
    in
    builtins.replaceStrings [ part ] [ "" ] line != line;
  refusals = config: map (one: one.message) (library.filter (one: !one.assertion) config.assertions);
  ours = library.filter (contains "openclaw");

  # What a sound case promises and does not keep.
  broken =
    name: case:
    let
      config = evaluated.${name};
      expected = {
        "nothing is refused: ${toString (refusals config)}" = refusals config == [ ];
      }
      // library.optionalAttrs (case ? holds) (
        case.holds config
        // {
          "nothing is warned of: ${toString (ours config.warnings)}" = ours config.warnings == [ ];
        }
      );
    in
    map (what: "${name}: ${what}") (library.attrNames (library.filterAttrs (_: holds: !holds) expected));

  # What a case that must be complained of is not told, or is told besides. A real NixOS may have more to say.
  unsaid =
    messages: name: case:
    let
      found = messages (evaluate case.modules);
      isSaid = library.any (contains case.says) found && (nixpkgs != null || builtins.length found == 1);
    in
    library.optional (!isSaid) "${name}: should say only «${case.says}», says: ${toString found}";

  collect = check: set: library.concatLists (library.mapAttrsToList check set);
in
{
  failures =
    import ./package.nix
    ++ collect broken sound
    ++ collect (unsaid refusals) cases.refused
    ++ collect (unsaid (config: ours config.warnings)) cases.warned;
  count = builtins.length (
    library.concatMap library.attrNames [
      sound
      cases.refused
      cases.warned
      cases.mistyped
    ]
  );
  names.mistyped = library.attrNames cases.mistyped;
  names.files = library.attrNames written;

  # Each of these must not evaluate, and say why.
  mistyped = library.mapAttrs (_: case: {
    inherit (case) says;
    value = case.value (evaluate case.modules).services.openclaw-failover;
  }) cases.mistyped;

  # What the sound cases would write, for the programs that read it.
  files = library.mapAttrs (_: config: {
    config = builtins.fromJSON config.environment.etc."openclaw-failover/config.json".source.written.value;
    role = config.services.openclaw-failover.role;
    gateway = builtins.fromJSON (config.environment.etc."openclaw/openclaw.json".source.value or "null");
  }) written;

  inherit evaluated;
}
