# A small, honest double of nixpkgs' `lib`: as much of the module system as the module in ../../module.nix needs, for
# machines on which nixpkgs cannot be had. It knows properties (mkIf, mkMerge, priorities), nested options, submodules,
# freeform types and type checks, and like the original it refuses options that do not exist, values of a wrong type,
# and definitions that contradict each other. Where nixpkgs is at hand, the same cases run with the real one instead.
let
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
    foldl'
    head
    isAttrs
    isBool
    isFloat
    isFunction
    isInt
    isList
    isPath
    isString
    length
    listToAttrs
    mapAttrs
    match
    removeAttrs
    substring
    stringLength
    zipAttrsWith
    ;

  optional = condition: value: if condition then [ value ] else [ ];
  unique = foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
  showOption = concatStringsSep ".";
  isDerivation = value: isAttrs value && value.type or null == "derivation";
  isType = type: value: isAttrs value && value._type or null == type;

  # Properties: conditions, lists of definitions, priorities. The lower priority wins.
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  plain = 100;

  # The definitions of the names in a set, from a definition of the whole set. Conditions stay lazy: whether they hold
  # may depend on options that are being defined.
  pushDown =
    definition:
    if isType "if" definition then
      map (mapAttrs (_: mkIf definition.condition)) (pushDown definition.content)
    else if isType "merge" definition then
      concatMap pushDown definition.contents
    else if isType "override" definition then
      map (mapAttrs (_: mkOverride definition.priority)) (pushDown definition.content)
    else
      [ definition ];

  # The values that a definition of one option stands for, each with its priority.
  discharge =
    definition:
    if isType "if" definition then
      if definition.condition then discharge definition.content else [ ]
    else if isType "merge" definition then
      concatMap discharge definition.contents
    else if isType "override" definition then
      map (found: found // { inherit (definition) priority; }) (discharge definition.content)
    else
      [
        {
          priority = plain;
          value = definition;
        }
      ];

  strongest =
    found:
    let
      best = foldl' (least: one: if one.priority < least then one.priority else least) 9999 found;
    in
    map (one: one.value) (filter (one: one.priority == best) found);

  # The value of one option, or of one element of a set or list.
  mergeDefinitions =
    location: type: definitions:
    let
      values = strongest (concatMap discharge definitions);
      wrong = filter (value: !type.check value) values;
    in
    if wrong != [ ] then
      throw "A definition for option `${showOption location}' is not of type `${type.description}'."
    else
      {
        isDefined = values != [ ];
        value = type.merge location values;
      };

  mkOption = declaration: declaration // { _type = "option"; };

  evalOption =
    location: option: definitions:
    let
      default = optional (option ? default) (mkOverride 1500 option.default);
      merged = mergeDefinitions location option.type (definitions ++ default);
      value =
        if merged.isDefined then
          merged.value
        else
          throw "The option `${showOption location}' is used but not defined.";
    in
    (option.apply or (value: value)) value;

  # The values of a tree of options.
  evalTree =
    location: freeform: trees: definitions:
    let
      declared = zipAttrsWith (_: found: found) trees;
      sets = concatMap pushDown definitions;
      pushed = zipAttrsWith (_: found: found) sets;
      one =
        name: found:
        let
          here = location ++ [ name ];
          options = filter (isType "option") found;
        in
        if options == [ ] then
          evalTree here freeform found (pushed.${name} or [ ])
        else if length found == 1 then
          evalOption here (head found) (pushed.${name} or [ ])
        else
          throw "The option `${showOption here}' is declared twice.";
      undeclared = removeAttrs pushed (attrNames declared);
      free = mergeDefinitions location freeform (map (set: removeAttrs set (attrNames declared)) sets);
    in
    if freeform == null && undeclared != { } then
      throw "The option `${showOption (location ++ [ (head (attrNames undeclared)) ])}' does not exist."
    else
      (if freeform == null || undeclared == { } then { } else free.value) // mapAttrs one declared;

  evalModules =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
    }:
    let
      arguments = {
        inherit config lib;
      }
      // specialArgs;
      load =
        module:
        if isPath module || isString module then
          load (import module)
        else if isFunction module then
          load (module arguments)
        else
          module;
      normal =
        module:
        let
          isLong = module ? config || module ? options;
          known = [
            "_file"
            "imports"
            "options"
            "config"
            "freeformType"
          ];
        in
        {
          imports = module.imports or [ ];
          options = module.options or { };
          config = if isLong then module.config or { } else removeAttrs module known;
          freeform = module.freeformType or null;
        };
      flatten =
        module:
        let
          loaded = normal (load module);
        in
        concatMap flatten loaded.imports ++ [ loaded ];
      loaded = concatMap flatten modules;
      freeforms = filter (freeform: freeform != null) (map (module: module.freeform) loaded);
      freeform = if freeforms == [ ] then null else head freeforms;
      config = evalTree prefix freeform (map (module: module.options) loaded) (
        map (module: module.config) loaded
      );
    in
    {
      inherit config;
    };

  # Types: what they accept, and what becomes of several definitions of the same strength.
  onlyOne =
    location: values:
    if all (value: value == head values) values then
      head values
    else
      throw "The option `${showOption location}' has conflicting definition values.";
  simple = description: check: {
    inherit description check;
    merge = onlyOne;
  };

  listOf = element: {
    description = "list of ${element.description}";
    check = isList;
    merge =
      location: values:
      concatMap (value: optional value.isDefined value.value) (
        map (value: mergeDefinitions (location ++ [ "*" ]) element [ value ]) (concatLists values)
      );
  };
  attrsOf = element: {
    description = "attribute set of ${element.description}";
    check = isAttrs;
    merge =
      location: values:
      let
        merged = zipAttrsWith (name: mergeDefinitions (location ++ [ name ]) element) (
          concatMap pushDown values
        );
      in
      mapAttrs (_: found: found.value) (filterAttrs (_: found: found.isDefined) merged);
  };
  nullOr = other: {
    description = "null or ${other.description}";
    check = value: value == null || other.check value;
    merge =
      location: values: if any (value: value == null) values then onlyOne location values else other.merge location values;
  };
  either = one: other: {
    description = "${one.description} or ${other.description}";
    check = value: one.check value || other.check value;
    merge = location: values: (if all one.check values then one else other).merge location values;
  };
  submodule = module: {
    description = "submodule";
    check = value: isAttrs value || isFunction value || isPath value;
    merge =
      location: values:
      (evalModules {
        prefix = location;
        modules = [ module ] ++ map (value: if isAttrs value then { config = value; } else value) values;
      }).config;
  };
  anything = {
    description = "anything";
    check = _: true;
    merge =
      location: values:
      if all (value: isAttrs value && !isDerivation value) values then
        (attrsOf anything).merge location values
      else
        onlyOne location values;
  };
  str = simple "string" isString;

  types = {
    inherit
      anything
      attrsOf
      either
      listOf
      nullOr
      str
      submodule
      ;
    bool = simple "boolean" isBool;
    int = simple "signed integer" isInt;
    float = simple "floating point number" isFloat;
    port = simple "16 bit unsigned integer" (value: isInt value && value >= 0 && value <= 65535);
    path = simple "absolute path" (
      value: (isString value || isPath value || isDerivation value) && substring 0 1 (toString value) == "/"
    );
    package = simple "package" isDerivation;
    unspecified = simple "unspecified value" (_: true);
    lines = str // {
      merge = _: concatStringsSep "\n";
    };
    enum = values: simple "one of ${builtins.toJSON values}" (value: elem value values);
    oneOf = alternatives: foldl' either (head alternatives) (builtins.tail alternatives);
    addCheck = type: check: type // { check = value: type.check value && check value; };
    strMatching =
      pattern: simple "string matching the pattern ${pattern}" (value: isString value && match pattern value != null);
  };

  filterAttrs =
    keep: set: listToAttrs (concatMap (name: optional (keep name set.${name}) (nameValuePair name set.${name})) (attrNames set));
  nameValuePair = name: value: { inherit name value; };

  lib = {
    inherit
      all
      any
      attrNames
      attrValues
      concatLists
      concatMap
      concatStringsSep
      elem
      evalModules
      filter
      filterAttrs
      head
      isAttrs
      isList
      isString
      length
      listToAttrs
      mapAttrs
      mkIf
      mkMerge
      mkOption
      mkOverride
      nameValuePair
      optional
      types
      unique
      ;
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;
    mkEnableOption =
      name:
      mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = "Whether to enable ${name}.";
      };
    literalExpression = text: {
      _type = "literalExpression";
      inherit text;
    };
    optionals = condition: values: if condition then values else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: text: if condition then text else "";
    intersectLists = one: filter (value: elem value one);
    subtractLists = without: filter (value: !elem value without);
    mapAttrsToList = apply: set: map (name: apply name set.${name}) (attrNames set);
    genAttrs = names: value: listToAttrs (map (name: nameValuePair name (value name)) names);
    concatMapStringsSep = separator: apply: values: concatStringsSep separator (map apply values);
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    hasSuffix =
      suffix: text:
      let
        rest = stringLength text - stringLength suffix;
      in
      rest >= 0 && substring rest (stringLength suffix) text == suffix;
    removeSuffix =
      suffix: text:
      if lib.hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
  };
in
lib
