# A small double of nixpkgs' `lib`: as much of the module system as the module in nixos/ needs, for machines without
# nixpkgs. It knows properties (mkIf, mkMerge, priorities), nested options, submodules, freeform
# types and type checks, and like the original it refuses options that do not exist, values of a wrong type, and
# definitions that contradict each other. Where nixpkgs is at hand, the same cases run with the real one instead.
let
  inherit (builtins)
    attrNames
    concatMap
    elem
    filter
    foldl'
    listToAttrs
    stringLength
    substring
    ;

  modules = import ./modules.nix { inherit lib; };

  lib = modules // {
    inherit (builtins)
      all
      any
      attrNames
      attrValues
      concatLists
      concatMap
      concatStringsSep
      elem
      filter
      head
      isAttrs
      isList
      isString
      length
      listToAttrs
      mapAttrs
      ;
    types = import ./types.nix { inherit lib; };

    mkDefault = modules.mkOverride 1000;
    mkForce = modules.mkOverride 50;
    # Lists are joined in the order of the modules.
    mkAfter = values: values;
    mkEnableOption =
      name:
      modules.mkOption {
        type = lib.types.bool;
        default = false;
        description = "Whether to enable ${name}.";
      };
    literalExpression = text: {
      _type = "literalExpression";
      inherit text;
    };

    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: text: if condition then text else "";
    unique = foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
    intersectLists = one: filter (value: elem value one);
    subtractLists = without: filter (value: !elem value without);

    filterAttrs =
      keep: set:
      let
        one =
          name:
          lib.optional (keep name set.${name}) {
            inherit name;
            value = set.${name};
          };
      in
      listToAttrs (concatMap one (attrNames set));
    genAttrs =
      names: value:
      listToAttrs (
        map (name: {
          inherit name;
          value = value name;
        }) names
      );
    mapAttrs' = apply: set: listToAttrs (map (name: apply name set.${name}) (attrNames set));
    concatMapAttrs =
      apply: set: foldl' (whole: name: whole // apply name set.${name}) { } (attrNames set);
    mapAttrsToList = apply: set: map (name: apply name set.${name}) (attrNames set);

    last = list: builtins.elemAt list (builtins.length list - 1);
    splitString = separator: text: filter builtins.isString (builtins.split separator text);
    importTOML = file: builtins.fromTOML (builtins.readFile file);

    removePrefix =
      prefix: text:
      if lib.hasPrefix prefix text then
        substring (stringLength prefix) (stringLength text) text
      else
        text;
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    hasSuffix =
      suffix: text:
      let
        rest = stringLength text - stringLength suffix;
      in
      rest >= 0 && substring rest (stringLength suffix) text == suffix;
    removeSuffix =
      suffix: text:
      if lib.hasSuffix suffix text then
        substring 0 (stringLength text - stringLength suffix) text
      else
        text;
  };
in
lib
