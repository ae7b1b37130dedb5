# The program, with the units and the polkit rule that belong to it. From pkgsStatic it is one static binary.
{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
  bashInteractive,
  git,
  openssh,
  perl,
  procps,
  rsync,
  sqlite,
}:
let
  manifest = (builtins.fromTOML (builtins.readFile ../Cargo.toml)).package;
in
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;

  # What is built and tested, so that a change elsewhere builds nothing anew.
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.toml
      ../Cargo.lock
      ../README.md
      ../benches
      ../clippy.toml
      ../rustfmt.toml
      ../src
      ../tests
      ./install.sh
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;

  nativeBuildInputs = [ installShellFiles ];

  # The release profile optimises for size, at length; the tests need none of it.
  checkType = "debug";
  nativeCheckInputs = [
    # The one that builds packages completes nothing.
    bashInteractive
    git
    openssh
    perl
    procps
    rsync
    sqlite
  ];

  postInstall = ''
    sh nixos/install.sh "$out"
  ''
  # The program prints them itself, where it can be run.
  + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    "$out/bin/openclaw-failover" man > openclaw-failover.8
    installManPage openclaw-failover.8
    for shell in bash zsh fish; do
      "$out/bin/openclaw-failover" completions "$shell" > "completion.$shell"
    done
    installShellCompletion --cmd openclaw-failover completion.{bash,zsh,fish}
  '';

  meta = {
    inherit (manifest) description;
    license = lib.licenses.mit;
    mainProgram = manifest.name;
    platforms = lib.platforms.linux;
  };
}
