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
      gateway.permitInsecure = true;
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
  # The account of that primary, which the module does not declare.
  account = {
    users.groups.openclaw = { };
    users.users.openclaw = {
      isNormalUser = true;
      group = "openclaw";
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

  # A standby whose file has one of each list and object.
  every = standby {
    settings = {
      secrets = [ { source = "openclaw@100.64.0.1:.openclaw/standby.env"; } ];
      notify = [
        {
          credential = "ntfy";
          format = "ntfy";
        }
      ];
      heartbeat.credential = "heartbeat";
    };
  };
}
