# A whole standby on a small VPS. Copy it, change what is yours, and add the module; in a flake:
#
#   nixosConfigurations.standby = nixpkgs.lib.nixosSystem {
#     system = "x86_64-linux";
#     modules = [ openclaw-failover.nixosModules.default ./configuration.nix ];
#   };
{
  services.openclaw-failover = {
    enable = true;
    settings.upstreams = [
      {
        name = "primary";
        urls = [ "http://100.64.0.1:18789" ];
        channels = [ "telegram" ];
      }
    ];
    # The gateway that takes over, with one channel that the primary has not.
    gateway.settings = {
      agents.defaults.model.primary = "anthropic/claude-opus-4-6";
      channels.discord = {
        enabled = true;
        token = {
          source = "env";
          provider = "default";
          id = "DISCORD_BOT_TOKEN";
        };
        dmPolicy = "allowlist";
        allowFrom = [ "123456789012345678" ];
      };
      plugins.entries.discord.enabled = true;
    };
    # DISCORD_BOT_TOKEN=…, OPENCLAW_GATEWAY_TOKEN=…, ANTHROPIC_API_KEY=…; never in this file.
    gateway.environmentFile = "/var/lib/secrets/gateway.env";
    workspace.repo = "git@github.com:me/memory.git";
    workspace.sshKeyFile = "/var/lib/secrets/openclaw-ssh-key";
    knownHosts."github.com" = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
  };
  # OpenClaw reads what strangers write, and nixpkgs marks it for that.
  nixpkgs.config.permittedInsecurePackages = [ "openclaw-2026.9.6" ];

  networking.hostName = "standby";
  users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA… me@laptop" ];
  boot.loader.grub.device = "/dev/vda";
  boot.initrd.availableKernelModules = [ "virtio_pci" "virtio_blk" "virtio_scsi" ];
  fileSystems."/" = { device = "/dev/vda1"; fsType = "ext4"; };
  system.stateVersion = "26.05";
}
