# What NixOS wants of any host before its own assertions hold; and its manual takes longer than all the rest.
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
