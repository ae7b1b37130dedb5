# Types: accepted values, and the merging of definitions with the same priority.
{ lib }:
let
  inherit (builtins)
    all
    any
    concatLists
    concatMap
    concatStringsSep
    elem
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
    mapAttrs
    match
    substring
    zipAttrsWith
    ;
  inherit (lib)
    evalModules
    filterAttrs
    mergeDefinitions
    optional
    pushDown
    showOption
    ;

  isDerivation = value: isAttrs value && value.type or null == "derivation";

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
      location: values:
      (if any (value: value == null) values then onlyOne else other.merge) location values;
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
        specialArgs.name = lib.last location;
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
      value:
      (isString value || isPath value || isDerivation value) && substring 0 1 (toString value) == "/"
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
      pattern:
      simple "string matching the pattern ${pattern}" (
        value: isString value && match pattern value != null
      );
  };
in
types
