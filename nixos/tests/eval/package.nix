# The package and the lock, as far as they can be judged without nixpkgs: what is wrong with them.
let
  manifest = builtins.fromTOML (builtins.readFile ../../../Cargo.toml);
  package = import ../../package.nix {
    lib = {
      fileset.toSource = source: source.fileset;
      fileset.unions = files: files;
      licenses.mit = "MIT";
      platforms.linux = [ ];
      optionalString = condition: text: if condition then text else "";
    };
    stdenv.buildPlatform.canExecute = _: true;
    stdenv.hostPlatform = { };
    installShellFiles = "installShellFiles";
    bashInteractive = "bash";
    rustPlatform.buildRustPackage = attributes: attributes;
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
