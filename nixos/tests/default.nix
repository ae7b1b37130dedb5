# Whole hosts in virtual machines: `nix build .#checks.x86_64-linux.vm-takeover`, and so on.
#
# They need KVM, and nixpkgs from its binary cache. Where these cannot be had they are not run, by `.ci/run` neither: it
# evaluates the configurations of their hosts (./eval). The same scenes are played on Debian hosts, with real OpenClaw
# gateways, by the end-to-end suite.
{ pkgs, module }:
let
  test =
    file:
    pkgs.testers.runNixOSTest {
      imports = [ file ];
      # In seconds. A machine that hangs must not hang the test with it.
      globalTimeout = 10 * 60;
      defaults.imports = [ module ];
    };
in
pkgs.lib.mapAttrs' (name: file: pkgs.lib.nameValuePair "vm-${name}" (test file)) (import ./all.nix)
