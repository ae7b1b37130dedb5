# The additions of NixOS to a sync unit: its sandbox hides all homes, so a folder that the unit file does not name is
# created and bound in before the unit starts.
{
  config,
  lib,
  pkgs,
}:
let
  inherit (import ./derived.nix { inherit config lib pkgs; })
    boundBy
    group
    user
    ;
  # Root writes nothing below the agent's home, where links may lead anywhere: the agent's user makes the folders,
  # outside the sandbox. The sync reports a folder that cannot be made.
  asAgent = "-+${pkgs.util-linux}/bin/setpriv --reuid=${user} --regid=${group} --init-groups --reset-env";
in
# Adds to the unit of this name the folders that the configuration lets it write to.
unit: folders:
let
  made = lib.unique (map (lib.removeSuffix "/") folders);
in
{
  # What the owner's git and ssh call besides, as /usr/bin has it on other hosts: git-lfs, gh, a ProxyCommand. The
  # module's own programs come first.
  path = lib.mkAfter [
    "/run/current-system/sw"
    "/etc/profiles/per-user/${user}"
  ];
  serviceConfig = {
    ExecStartPre = [ "${asAgent} ${pkgs.coreutils}/bin/mkdir -p -- ${toString made}" ];
    BindPaths = map (path: "-${path}") (lib.subtractLists (boundBy unit) made);
  };
}
