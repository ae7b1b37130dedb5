# The NixOS module: a handful of options declare a complete standby, or the workspace push of a primary.
#
# Units, sandboxes and the polkit rule come from src/setup. The module adds what NixOS needs besides (what starts at
# boot, which programs a unit finds, which users exist) and what an administrator decides.
{
  # A second import, from another copy of this repository too, changes nothing.
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
