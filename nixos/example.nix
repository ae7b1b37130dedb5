# Complete standby on a small VPS. Copy it, replace the example values, and add the module. In a flake:
#
#   nixosConfigurations.standby = nixpkgs.lib.nixosSystem {
#     system = "x86_64-linux";
#     modules = [ openclaw-failover.nixosModules.default ./configuration.nix ];
#   };
{
  services.openclaw-failover = {
    enable = true;
    # nixpkgs marks OpenClaw insecure, because a message from a stranger may talk the agent into something.
    gateway.permitInsecure = true;
    settings.upstreams = [
      {
        name = "primary";
        urls = [ "http://100.64.0.1:18789" ];
        channels = [ "discord" ];
      }
    ];
    # The gateway that takes over, with one channel that the primary does not use.
    gateway.settings = {
      agents.defaults.model.primary = "anthropic/claude-opus-4-6";
      channels.telegram = {
        botToken = {
          source = "env";
          provider = "default";
          id = "TELEGRAM_BOT_TOKEN";
        };
        dmPolicy = "allowlist";
        allowFrom = [ "123456789" ];
      };
    };
    # TELEGRAM_BOT_TOKEN=…, OPENCLAW_GATEWAY_TOKEN=…, ANTHROPIC_API_KEY=…; never in this file.
    gateway.environmentFile = "/var/lib/secrets/gateway.env";
    workspace.repo = "git@github.com:me/memory.git";
    # Readable by the user openclaw.
    workspace.sshKeyFile = "/var/lib/secrets/openclaw-ssh-key";
  };

  networking.hostName = "standby";
  users.users.root.openssh.authorizedKeys.keys = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA… me@laptop"
  ];
  boot.loader.grub.device = "/dev/vda";
  boot.initrd.availableKernelModules = [
    "virtio_pci"
    "virtio_blk"
    "virtio_scsi"
  ];
  fileSystems."/" = {
    device = "/dev/vda1";
    fsType = "ext4";
  };
  system.stateVersion = "26.05";
}
