# The program, with its units and its polkit rule. `pkgsStatic.callPackage` builds one static binary of it.
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

  # The files that are built and tested, so that a change elsewhere rebuilds nothing.
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

  # A host installs the program without running its test suite, which simulates months of outages: that is
  # `passthru.tests.suite`.
  doCheck = false;
  # The tests need none of the release profile's optimisation for size, which takes long.
  checkType = "debug";
  nativeCheckInputs = [
    # The plain bash that builds packages has no completion.
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
  # The program prints them.
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
  # Cargo.toml is where the address is kept.
  // lib.optionalAttrs (manifest ? repository) {
    homepage = manifest.repository;
    changelog = "${manifest.repository}/releases/tag/v${manifest.version}";
  };
})
