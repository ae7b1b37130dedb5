# Checks of the package and of the lock file that do not need nixpkgs.
let
  lib = import ./double;
  manifest = lib.importTOML ../../../Cargo.toml;
  package = import ../../package.nix {
    lib = lib // {
      fileset.toSource = source: source.fileset;
      fileset.unions = files: files;
      licenses.mit = "MIT";
      platforms.linux = [ ];
    };
    stdenv.buildPlatform.canExecute = _: true;
    stdenv.hostPlatform = { };
    installShellFiles = "installShellFiles";
    versionCheckHook = "versionCheckHook";
    nix-update-script = _: "nix-update";
    bashInteractive = "bash";
    rustPlatform.buildRustPackage =
      attributes:
      let
        package = attributes { finalPackage.overrideAttrs = change: package // change; };
      in
      package;
    git = "git";
    openssh = "openssh";
    perl = "perl";
    procps = "procps";
    rsync = "rsync";
    sqlite = "sqlite";
  };
  flake = import ../../../flake.nix;
  inherit ((builtins.fromJSON (builtins.readFile ../../../flake.lock)).nodes.nixpkgs) original locked;

  says = what: holds: if holds then [ ] else [ what ];
in
says "the package has another version than Cargo.toml" (package.version == manifest.package.version)
++ says "a host that installs the package runs its tests" (!package.doCheck)
++ says "no check of the flake runs the tests" package.passthru.tests.suite.doCheck
++ says "the package's source lacks a file" (builtins.all builtins.pathExists package.src)
++ says "the package does not install the units" (
  builtins.match ".*nixos/install.sh \"[$]out\".*" (
    builtins.replaceStrings [ "\n" ] [ " " ] package.postInstall
  ) != null
)
++ says "the package does not install the manual page and the completions" (
  builtins.match ".*installManPage .*installShellCompletion .*" (
    builtins.replaceStrings [ "\n" ] [ " " ] package.postInstall
  ) != null
)
++ says "flake.lock is not of the flake's input" (
  flake.inputs.nixpkgs.url == "github:${original.owner}/${original.repo}/${original.ref}"
  && locked.owner == original.owner
  && locked.repo == original.repo
)
