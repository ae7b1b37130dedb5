# What NixOS wants of any host before its own assertions hold.
{ lib, ... }:
{
  boot.loader.grub.device = lib.mkDefault "/dev/vda";
  fileSystems."/" = {
    device = lib.mkDefault "/dev/vda1";
    fsType = lib.mkDefault "ext4";
  };
  system.stateVersion = lib.mkDefault "26.05";
}
