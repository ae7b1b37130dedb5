# Modules: definitions of options, and their merged values.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    foldl'
    head
    isAttrs
    isFunction
    isPath
    isString
    length
    mapAttrs
    removeAttrs
    zipAttrsWith
    ;
  inherit (lib) optional;

  showOption = builtins.concatStringsSep ".";
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

  # Definitions of the names in a set, from a definition of the whole set. Conditions stay lazy, because they may depend
  # on options that are being defined.
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

  # Values of one definition, each with its priority.
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

  # Value of one option, or of one element of a set or list.
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

  # Values of a tree of options.
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
            "_class"
            "_file"
            "key"
            "imports"
            "options"
            "config"
            "freeformType"
          ];
        in
        {
          key = module.key or null;
          imports = module.imports or [ ];
          options = module.options or { };
          config = if isLong then module.config or { } else removeAttrs module known;
          freeform = module.freeformType or null;
        };
      # Modules with their imports, each key once.
      collect = foldl' (
        state: module:
        let
          loaded = normal (load module);
          inner = collect {
            inherit (state) found;
            keys = state.keys ++ optional (loaded.key != null) loaded.key;
          } loaded.imports;
        in
        if loaded.key != null && builtins.elem loaded.key state.keys then
          state
        else
          inner // { found = inner.found ++ [ loaded ]; }
      );
      loaded =
        (collect {
          found = [ ];
          keys = [ ];
        } modules).found;
      freeforms = filter (freeform: freeform != null) (map (module: module.freeform) loaded);
      freeform = if freeforms == [ ] then null else head freeforms;
      config = evalTree prefix freeform (map (module: module.options) loaded) (
        map (module: module.config) loaded
      );
    in
    {
      inherit config;
    };
in
{
  inherit
    evalModules
    mergeDefinitions
    mkIf
    mkMerge
    mkOption
    mkOverride
    pushDown
    showOption
    ;
}
