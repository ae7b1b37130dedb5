# All tests that boot virtual machines.
{
  takeover = ./takeover.nix;
  firewall = ./firewall.nix;
  privileges = ./privileges.nix;
  reboot = ./reboot.nix;
  rebuild = ./rebuild.nix;
}
