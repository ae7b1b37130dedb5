# What a sync unit is given on NixOS. Its sandbox hides all homes: what of them it may see is bound into it, and must be
# there before it starts.
{
  config,
  lib,
  pkgs,
}:
let
  cfg = config.services.openclaw-failover;
  inherit (import ./derived.nix { inherit config lib pkgs; }) home;

  without = lib.removeSuffix "/";
  usual = "/home/openclaw";
  # Root must write nothing below the agent's home, where links may lead anywhere: the folders are made by the agent's
  # own user, though outside the sandbox. One that cannot be made is for the sync to complain of.
  asOpenclaw = "-+${pkgs.util-linux}/bin/setpriv --reuid=openclaw --regid=openclaw --init-groups --reset-env";
in
# `made` are folders that it writes in; `seen` are others, as far as they exist; `bound` those that the unit file binds.
# `read` it only looks at, below the home.
{
  made,
  seen ? [ ],
  bound,
  read ? [ ],
}:
let
  more = lib.subtractLists bound (lib.unique (map without made ++ seen));
in
{
  # A rebuild must not cut it; the next one is the new one.
  restartIfChanged = false;
  path = [
    pkgs.gitMinimal
    config.programs.ssh.package
    # It tells which replaced files are still open for writing.
    pkgs.perl
    pkgs.rsync
    pkgs.sqlite
  ];
  serviceConfig = {
    # In place of the unit file's own step, which runs a setpriv that NixOS has elsewhere.
    ExecStartPre = [
      ""
      "${asOpenclaw} ${pkgs.coreutils}/bin/mkdir -p -- ${toString (map without made)}"
      # And in place of the one that looks which files git's settings name.
      "${asOpenclaw} --no-new-privs ${pkgs.coreutils}/bin/env PATH=${pkgs.gitMinimal}/bin ${cfg.package}/bin/openclaw-failover sync files"
    ];
    BindPaths = map (path: "-${path}") more;
    BindReadOnlyPaths = lib.optionals (home != usual) (
      map (path: "-${home}/${path}") (
        [
          ".ssh"
          ".gitconfig"
          ".gitconfig.local"
          ".config/git"
          ".gitignore"
          ".gitignore_global"
          ".gitattributes"
          ".gitattributes_global"
          ".git-credentials"
          ".netrc"
          ".config/gh"
        ]
        ++ read
      )
    );
  };
}
