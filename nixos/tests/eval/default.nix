# Evaluates the module over the cases in ./cases and over the examples of the README, and lists failures.
#
# Without an argument it runs on a double of the module system. With `lib`, the path of nixpkgs' `lib`, it runs on that
# one; with `nixpkgs`, the path of a whole nixpkgs, on all of NixOS, whose own assertions must then hold too.
{
  lib ? null,
  nixpkgs ? null,
  system ? "x86_64-linux",
  # A file with the program's effective configuration, for `missing`.
  effective ? null,
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
        // library.optionalAttrs (!known ? openclaw-gateway) {
          openclaw-gateway = import ./openclaw-gateway.nix { lib = library; };
        };
      options.sops.secrets = import ./sops.nix { lib = library; };
      options.home-manager.users = library.mkOption {
        type = library.types.attrsOf library.types.anything;
        default = { };
      };
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
      (nixos (
        modules
        ++ [
          foreign
          ./machine.nix
          { services.openclaw-failover.package = library.mkDefault stubs.openclaw-failover; }
        ]
      )).config
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
  readme = import ./readme.nix { lib = library; };
  sound =
    intended
    // readme.cases
    // library.optionalAttrs (nixpkgs == null) (
      machines // library.concatMapAttrs specialised machines
    );
  evaluated = library.mapAttrs (_: case: evaluate case.modules) sound;

  # A host under each of its specialisations. NixOS evaluates them with the host.
  specialised =
    name: case:
    library.mapAttrs' (variant: special: {
      name = "${name}-${variant}";
      value.modules = case.modules ++ [ special.configuration ];
    }) (evaluate case.modules).specialisation;

  # The hosts of the tests in virtual machines. NixOS evaluates them by itself.
  machines = builtins.listToAttrs (
    library.concatLists (
      library.mapAttrsToList (
        test: file:
        library.mapAttrsToList
          (host: module: {
            name = "vm-${test}-${host}";
            value.modules = [ module ];
          })
          (import file {
            lib = library;
            pkgs = stubs;
          }).nodes
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

  # Expectations that a sound case does not meet.
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
    map (what: "${name}: ${what}") (
      library.attrNames (library.filterAttrs (_: holds: !holds) expected)
    );

  # Messages that a faulty case lacks, or has besides. A real NixOS may have more to say.
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
    ++ readme.failures
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

  # None of these may evaluate; each must say why.
  mistyped = library.mapAttrs (_: case: {
    inherit (case) says;
    value = case.value (evaluate case.modules).services.openclaw-failover;
  }) cases.mistyped;

  # The files that the sound cases would write, for the programs that read them.
  files = library.mapAttrs (_: config: {
    config = (import ./judge.nix { lib = library; } config).settings;
    role = config.services.openclaw-failover.role;
    gateway = config.services.openclaw-failover.gateway.settings;
  }) written;

  # The keys of the program's effective configuration that are no options.
  missing =
    let
      compare =
        place: wanted: options:
        if library.isAttrs wanted then
          library.concatLists (
            library.mapAttrsToList (
              key: value:
              if options ? ${key} then compare "${place}.${key}" value options.${key} else [ "${place}.${key}" ]
            ) wanted
          )
        else if library.isList wanted && wanted != [ ] then
          compare "${place}[]" (library.head wanted) (library.head options)
        else
          [ ];
    in
    compare "settings" (builtins.fromJSON (
      builtins.readFile effective
    )) evaluated.everyKey.services.openclaw-failover.settings;

  inherit evaluated;
}
