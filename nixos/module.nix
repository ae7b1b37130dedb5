# NixOS module: a few options declare a complete standby, or the workspace push of a primary.
#
# Units, sandboxes and the polkit rule come from src/setup/units. The module adds what NixOS needs (units to start at
# boot, programs in their PATH, users) and the administrator's choices.
{
  # A second import, even from another copy of this repository, has no effect.
  key = "openclaw-failover";
  _class = "nixos";
  imports = [
    ./module/options.nix
    ./module/settings.nix
    ./module/gateway.nix
    ./module/assertions.nix
    ./module/common.nix
    ./module/standby.nix
    ./module/primary.nix
    ./module/host.nix
  ];
}
