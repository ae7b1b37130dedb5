{ config, ... }:
{
  sops.secrets = {
    # systemd reads it as root; a new value is in force at the gateway's next start.
    "gateway.env" = { };
    openclaw-ssh-key.owner = "openclaw";
    # A file of the credentials folder.
    "openclaw-failover/ntfy".restartUnits = [ "openclaw-failover.service" ];
  };
  services.openclaw-failover = {
    gateway.environmentFile = config.sops.secrets."gateway.env".path;
    workspace.sshKeyFile = config.sops.secrets.openclaw-ssh-key.path;
    credentialsDirectory = "/run/secrets/openclaw-failover";
    settings.notify = [
      {
        credential = "ntfy";
        format = "ntfy";
      }
    ];
  };
}
