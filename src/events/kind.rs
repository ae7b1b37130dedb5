//! Kinds of events, and the names under which they are stored.

use crate::text::named_enum::named_enum;

named_enum! {
    /// Kind of a history entry. The names are stable: histories, webhooks and scripts have them.
    pub enum EventKind {
        /// An upstream was seen healthy for the first time.
        Armed = "armed",
        /// An outage began: no upstream is up.
        WindowOpened = "window_opened",
        /// The outage ended.
        WindowClosed = "window_closed",
        /// Neither an upstream nor a witness answers.
        Isolated = "isolated",
        /// A witness or an upstream answers again.
        Reconnected = "reconnected",
        /// Every upstream is down, and none was ever seen healthy.
        NeverSeenHealthy = "never_seen_healthy",
        /// The upstreams keep failing and coming back.
        Flapping = "flapping",
        /// They no longer do.
        Steady = "steady",
        /// Another process holds the port of the gateway, which is down.
        PortHeld = "port_held",
        /// The port is free again.
        PortFree = "port_free",
        /// Another process answers while the gateway runs.
        ForeignAnswer = "foreign_answer",
        /// The process that answers cannot be determined.
        AnswerUnverified = "answer_unverified",
        /// The gateway's own process answers again.
        AnswerVerified = "answer_verified",
        /// A promotion began.
        Promoting = "promoting",
        /// The promotion was cancelled.
        Aborted = "aborted",
        /// The gateway answers: this host is active.
        Promoted = "promoted",
        /// The gateway was found running.
        Adopted = "adopted",
        /// The gateway failed to start.
        StartFailed = "start_failed",
        /// The gateway was started and is not healthy in time.
        NotAnswering = "not_answering",
        /// The gateway gives no answer at all and is restarted.
        StoppingSilent = "stopping_silent",
        /// Some chat channels of the gateway do not work.
        ChannelsBroken = "channels_broken",
        /// All of them work again.
        ChannelsRecovered = "channels_recovered",
        /// The gateway went down while this host was active.
        GatewayDown = "gateway_down",
        /// The gateway answers again.
        ServesAgain = "serves_again",
        /// A demotion began.
        Demoting = "demoting",
        /// The drain is cut short, because a promotion is due again.
        DrainCut = "drain_cut",
        /// Stopping the gateway failed.
        StopFailed = "stop_failed",
        /// The gateway is still up after the stop request.
        StopHangs = "stop_hangs",
        /// The gateway is down: this host is in standby.
        Demoted = "demoted",
        /// A hold forbids a promotion that is due.
        HeldBack = "held_back",
        /// An operator set a hold.
        HoldSet = "hold_set",
        /// The hold ended.
        HoldEnded = "hold_ended",
        /// The hold is still set.
        HoldStands = "hold_stands",
        /// A drill was refused.
        DrillRefused = "drill_refused",
        /// A drill ended.
        DrillEnded = "drill_ended",
        /// The monitor started.
        Started = "started",
        /// The monitor stopped.
        Stopped = "stopped",
        /// A new configuration is in force.
        Reloaded = "reloaded",
        /// The new configuration is invalid.
        ReloadRefused = "reload_refused",
        /// A damaged state file was moved aside.
        FileQuarantined = "file_quarantined",
        /// A token that the configuration names is missing.
        CredentialMissing = "credential_missing",
        /// A check fails, so this host cannot take over.
        NotReady = "not_ready",
        /// The check no longer fails.
        Ready = "ready",
        /// The workspace was pulled.
        Pulled = "pulled",
        /// The pull failed.
        PullFailed = "pull_failed",
        /// The gateway starts with this state of the workspace.
        StartWorkspace = "workspace",
        /// Local changes were pushed.
        Pushed = "pushed",
        /// The push failed.
        PushFailed = "push_failed",
        /// Unfinished work of the gateway was archived.
        WorkArchived = "archived",
        /// The archiving failed.
        ArchiveFailed = "archive_failed",
        /// The git remote serves the workspace to the public.
        WorkspacePublic = "workspace_public",
        /// systemd does not respond, or refuses requests.
        SystemdUnreachable = "systemd_unreachable",
        /// systemd accepts requests again.
        SystemdReachable = "systemd_reachable",
        /// Writing a file failed.
        WriteFailed = "write_failed",
        /// Files can be written again.
        WriteRecovered = "write_recovered",
        /// Delivery to a webhook fails.
        NotifyFailed = "notify_failed",
        /// Delivery works again.
        NotifyRecovered = "notify_recovered",
        /// The chat channels of an upstream broke or recovered.
        UpstreamChannels = "upstream_channels",
        /// Count of the entries that the retention of the history has dropped.
        LeftOut = "left_out",
        /// Test message, which is in no history.
        Test = "test",
    }
}
