{
  services.openclaw-failover = {
    enable = true;
    role = "primary";
    user.name = "me"; # the user that runs OpenClaw
    workspace.repo = "git@github.com:me/memory.git";
  };
}
