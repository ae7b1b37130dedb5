# Settings that NixOS requires of every host. The manual is off, because it takes most of the time.
{ lib, ... }:
{
  boot.loader.grub.device = lib.mkDefault "/dev/vda";
  fileSystems."/" = {
    device = lib.mkDefault "/dev/vda1";
    fsType = lib.mkDefault "ext4";
  };
  documentation.enable = lib.mkDefault false;
  system.stateVersion = lib.mkDefault "26.05";
}
