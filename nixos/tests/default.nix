# Tests on hosts in virtual machines: `nix build .#checks.x86_64-linux.vm-takeover`, and so on.
#
# They need KVM, and nixpkgs from its binary cache. `.ci/run` does not run them; it evaluates the configurations of
# their hosts (./eval). The end-to-end suite has the same scenarios on Debian hosts with real OpenClaw gateways.
{ pkgs, module }:
let
  test =
    file:
    pkgs.testers.runNixOSTest {
      imports = [ file ];
      # Timeout in seconds, so that a machine that hangs fails the test.
      globalTimeout = 10 * 60;
      defaults.imports = [ module ];
    };
in
pkgs.lib.mapAttrs' (name: file: pkgs.lib.nameValuePair "vm-${name}" (test file)) (import ./all.nix)
