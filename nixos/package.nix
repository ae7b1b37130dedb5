# Package of the program, its units and its polkit rule. `pkgsStatic.callPackage` builds a static binary.
{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
  versionCheckHook,
  nix-update-script,
  bashInteractive,
  git,
  openssh,
  perl,
  procps,
  rsync,
  sqlite,
}:
let
  manifest = (lib.importTOML ../Cargo.toml).package;
  canRun = stdenv.buildPlatform.canExecute stdenv.hostPlatform;
in
rustPlatform.buildRustPackage (finalAttrs: {
  pname = manifest.name;
  inherit (manifest) version;

  __structuredAttrs = true;
  strictDeps = true;

  # Files that the build and the tests need; a change to any other file does not cause a rebuild.
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.toml
      ../Cargo.lock
      ../README.md
      ../benches
      ../.clippy.toml
      ../.rustfmt.toml
      ../src
      ../tests
      ./install.sh
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;

  nativeBuildInputs = [ installShellFiles ];

  # Installing the program does not run its test suite, which simulates months of outages: see `passthru.tests.suite`.
  doCheck = false;
  # The tests do not need the release profile's optimisation for size, which is slow.
  checkType = "debug";
  nativeCheckInputs = [
    # The bash of the build environment has no completion.
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
  # Printed by the program itself.
  + lib.optionalString canRun ''
    "$out/bin/openclaw-failover" man > openclaw-failover.8
    installManPage openclaw-failover.8
    for shell in bash zsh fish; do
      "$out/bin/openclaw-failover" completions "$shell" > "completion.$shell"
    done
    installShellCompletion --cmd openclaw-failover completion.{bash,zsh,fish}
  '';

  doInstallCheck = canRun;
  nativeInstallCheckInputs = [ versionCheckHook ];

  passthru = {
    tests.suite = finalAttrs.finalPackage.overrideAttrs { doCheck = true; };
    updateScript = nix-update-script { };
  };

  meta = {
    inherit (manifest) description;
    license = lib.licenses.mit;
    maintainers = [ ];
    mainProgram = manifest.name;
    platforms = lib.platforms.linux;
  }
  # The repository's address is in Cargo.toml only.
  // lib.optionalAttrs (manifest ? repository) {
    homepage = manifest.repository;
    changelog = "${manifest.repository}/releases/tag/v${manifest.version}";
  };
})
