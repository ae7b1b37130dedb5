# The NixOS module: with a handful of options this host is a complete standby, or the primary's end of the workspace.
#
# Units, sandboxes, the polkit rule: all that is src/setup's, installed by the package and used as it is. What is said
# here is what only NixOS needs said (what starts at boot, which programs a unit finds, who exists), and what a person
# decides.
{
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
