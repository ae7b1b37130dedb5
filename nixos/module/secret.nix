# Search for plain-text secrets in a configuration that goes into the Nix store, which every user can read.
#
# A secret is found by its name, or by the prefix that its issuer uses. A text that refers to the environment,
# `${NAME}`, is not a secret. The result has the paths of the values, never the values.
{ lib }:
let
  inherit (builtins) match;

  isName =
    name:
    match ".*([Tt]oken|[Ss]ecret|[Pp]assword|[Pp]assphrase|[Aa]pi_?[Kk]ey|[Pp]rivate_?[Kk]ey)" name
    != null;
  prefixes = "sk-ant-|sk-proj-|sk-or-v1-|gh[pousr]_|github_pat_|glpat-|xox[bpe]-|xapp-|tskey-|hf_|gsk_|AIza";
  isToken =
    text:
    match ".*(${prefixes})[A-Za-z0-9_-]{16,}.*" text != null
    || match ".*[0-9]{8,11}:AA[A-Za-z0-9_-]{33}.*" text != null
    || match ".*PRIVATE KEY-----.*" text != null
    || match ".*://[^/@]+:[^/@]+@.*" text != null;
  isReference = text: match ".*[$][{][A-Z_][A-Z0-9_]*[}].*" text != null;

  find =
    place: name: value:
    if lib.isAttrs value then
      lib.concatLists (
        lib.mapAttrsToList (name: find (if place == "" then name else "${place}.${name}") name) value
      )
    else if lib.isList value then
      lib.concatMap (find "${place}[]" name) value
    else
      lib.optional (
        lib.isString value && value != "" && !isReference value && (isName name || isToken value)
      ) place;
in
# Returns the paths at which a value contains a secret.
find "" ""
