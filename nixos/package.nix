# The program, with the units and the polkit rule that belong to it. From pkgsStatic it is one static binary.
{
  lib,
  rustPlatform,
  git,
  openssh,
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

  # The release profile optimises for size, at length; the tests need none of it.
  checkType = "debug";
  nativeCheckInputs = [
    git
    openssh
    procps
    rsync
    sqlite
  ];

  postInstall = ''
    sh nixos/install.sh "$out"
  '';

  meta = {
    inherit (manifest) description;
    license = lib.licenses.mit;
    mainProgram = manifest.name;
    platforms = lib.platforms.linux;
  };
}
