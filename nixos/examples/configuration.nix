{
  services.openclaw-failover = {
    enable = true;
    settings.upstreams = [
      {
        urls = [ "http://100.64.0.1:18789" ];
        channels = [ "discord" ];
      }
    ];
    # nixpkgs marks OpenClaw insecure, because a message from a stranger may talk the agent into something.
    gateway.permitInsecure = true;
    gateway.settings.channels.telegram.botToken = "\${TELEGRAM_BOT_TOKEN}";
    gateway.environmentFile = "/var/lib/secrets/gateway.env"; # TELEGRAM_BOT_TOKEN=…, OPENCLAW_GATEWAY_TOKEN=…
    workspace.repo = "git@github.com:me/memory.git";
  };
}
