# Additions to a sync unit on NixOS. Its sandbox hides all homes, so a directory that the unit file does not name is
# created and bind-mounted before the unit starts.
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
  # Root writes nothing below the agent's home, because links there may lead anywhere. The agent's user creates the
  # directories, outside the sandbox. The sync reports a directory that cannot be created.
  asAgent = "-+${pkgs.util-linux}/bin/setpriv --reuid=${user} --regid=${group} --init-groups --reset-env";
in
# Adds to the unit of this name the directories to which the configuration lets it write.
unit: folders:
let
  made = lib.unique (map (lib.removeSuffix "/") folders);
in
{
  # Programs that the owner's git and ssh run, which other hosts have in /usr/bin: git-lfs, gh, a ProxyCommand. The
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
