# The hosts that most cases begin with.
rec {
  upstream = {
    urls = [ "http://100.64.0.1:18789" ];
    channels = [ "discord" ];
  };
  minimal = {
    services.openclaw-failover = {
      enable = true;
      settings.upstreams = [ upstream ];
      gateway.settings.channels.telegram.enabled = true;
      user.authorizedKeys = [ "ssh-ed25519 AAAA me" ];
    };
  };
  primary = {
    services.openclaw-failover = {
      enable = true;
      role = "primary";
      workspace.repo = "git@example.org:me/memory.git";
    };
  };

  # One of them, with more of this module's options.
  and = host: settings: {
    modules = [
      host
      { services.openclaw-failover = settings; }
    ];
  };
  standby = and minimal;
}
