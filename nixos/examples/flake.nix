{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # A checkout of this repository, or the address where you keep it.
    openclaw-failover.url = "git+file:///srv/openclaw-failover";
    openclaw-failover.inputs.nixpkgs.follows = "nixpkgs";
  };
  outputs =
    { nixpkgs, openclaw-failover, ... }:
    {
      nixosConfigurations.standby = nixpkgs.lib.nixosSystem {
        system = "x86_64-linux"; # or aarch64-linux
        modules = [
          openclaw-failover.nixosModules.default
          ./configuration.nix
        ];
      };
    };
}
