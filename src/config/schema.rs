//! Raw configuration: typed values with their positions, not yet checked.

use std::time::Duration;

use crate::config::decode::{Object, Untyped};
use crate::config::diagnostics::Collector;
use crate::config::span::{At, Place};
use crate::text::json::Node;

// Maximum number of entries of each list.
const MOST_UPSTREAMS: usize = 8;
const MOST_URLS: usize = 8;
const MOST_CHANNELS: usize = 32;
const MOST_WITNESSES: usize = 8;
const MOST_SECRETS: usize = 16;
const MOST_WEBHOOKS: usize = 8;
const MOST_TOPICS: usize = 16;

/// All keys of the configuration file.
#[derive(Default)]
pub(super) struct Raw {
    pub(super) upstreams: Option<At<Vec<RawUpstream>>>,
    pub(super) probe: RawProbe,
    pub(super) promote: RawPromote,
    pub(super) demote: RawDemote,
    pub(super) gateway: RawGateway,
    pub(super) workspace: RawWorkspace,
    pub(super) secrets: Vec<RawSecret>,
    pub(super) notify: Vec<RawNotify>,
    pub(super) heartbeat: Option<RawHeartbeat>,
    pub(super) drill: RawDrill,
}

pub(super) struct RawUpstream {
    pub(super) place: Place,
    pub(super) name: Option<At<String>>,
    pub(super) urls: Option<At<Vec<At<String>>>>,
    pub(super) channels: Vec<At<String>>,
    pub(super) credential: Option<At<String>>,
    pub(super) ca_file: Option<At<String>>,
}

#[derive(Default)]
pub(super) struct RawProbe {
    pub(super) interval: Option<At<Duration>>,
    pub(super) retry_interval: Option<At<Duration>>,
    pub(super) timeout: Option<At<Duration>>,
}

#[derive(Default)]
pub(super) struct RawPromote {
    pub(super) after: Option<At<Duration>>,
    pub(super) failures: Option<At<u32>>,
    pub(super) restart_grace: Option<At<Duration>>,
    pub(super) sync_wait: Option<At<Duration>>,
    pub(super) witnesses: Option<Vec<At<String>>>,
}

#[derive(Default)]
pub(super) struct RawDemote {
    pub(super) after: Option<At<Duration>>,
    pub(super) max_after: Option<At<Duration>>,
    pub(super) flap_window: Option<At<Duration>>,
}

#[derive(Default)]
pub(super) struct RawGateway {
    pub(super) unit: Option<At<String>>,
    pub(super) url: Option<At<String>>,
    pub(super) ca_file: Option<At<String>>,
    pub(super) start_timeout: Option<At<Duration>>,
    pub(super) stop_timeout: Option<At<Duration>>,
    pub(super) keep_queue: Option<bool>,
}

#[derive(Default)]
pub(super) struct RawWorkspace {
    pub(super) path: Option<At<String>>,
    pub(super) remote: Option<At<String>>,
    pub(super) url: Option<At<String>>,
    pub(super) branch: Option<At<String>>,
    pub(super) timeout: Option<At<Duration>>,
    pub(super) refresh: Option<At<Duration>>,
    pub(super) push_interval: Option<At<Duration>>,
    pub(super) merge: Option<bool>,
    pub(super) max_file: Option<At<u64>>,
}

pub(super) struct RawSecret {
    pub(super) place: Place,
    pub(super) source: Option<At<String>>,
    pub(super) target: Option<At<String>>,
}

pub(super) struct RawNotify {
    pub(super) place: Place,
    pub(super) credential: Option<At<String>>,
    pub(super) format: Option<At<String>>,
    pub(super) events: Option<Vec<At<String>>>,
    pub(super) ca_file: Option<At<String>>,
}

#[derive(Default)]
pub(super) struct RawDrill {
    pub(super) interval: Option<At<Duration>>,
}

pub(super) struct RawHeartbeat {
    pub(super) place: Place,
    pub(super) credential: Option<At<String>>,
    pub(super) interval: Option<At<Duration>>,
    pub(super) ca_file: Option<At<String>>,
}

impl Raw {
    /// Decodes the file's JSON.
    pub(super) fn read(document: &Node, problems: &Collector) -> Self {
        let whole = At { value: document, place: Place::written(document.at.line, "") };
        let Some(mut top) = Object::open(&whole, problems) else {
            return Self::default();
        };
        let upstreams = top.list("upstreams", MOST_UPSTREAMS);
        let secrets = top.list("secrets", MOST_SECRETS);
        let notify = top.list("notify", MOST_WEBHOOKS);
        let heartbeat = top.get("heartbeat");
        let raw = Self {
            upstreams: upstreams
                .map(|list| At { value: each(&list.value, problems, RawUpstream::read), place: list.place }),
            probe: RawProbe::read(top.object("probe")),
            promote: RawPromote::read(top.object("promote")),
            demote: RawDemote::read(top.object("demote")),
            gateway: RawGateway::read(top.object("gateway")),
            workspace: RawWorkspace::read(top.object("workspace")),
            secrets: secrets.map_or_else(Vec::new, |list| each(&list.value, problems, RawSecret::read)),
            notify: notify.map_or_else(Vec::new, |list| each(&list.value, problems, RawNotify::read)),
            heartbeat: heartbeat.and_then(|one| each(&[one], problems, RawHeartbeat::read).pop()),
            drill: RawDrill::read(top.object("drill")),
        };
        top.close();
        raw
    }
}

/// Decodes each object of a list.
fn each<'a, T>(items: &[Untyped<'a>], problems: &'a Collector, read: impl Fn(Place, Object<'a>) -> T) -> Vec<T> {
    let read = |item: &Untyped<'a>| Some(read(item.place.clone(), Object::open(item, problems)?));
    items.iter().filter_map(read).collect()
}

impl RawUpstream {
    fn read(place: Place, mut object: Object<'_>) -> Self {
        let raw = Self {
            place,
            name: object.text("name"),
            urls: object.texts("urls", MOST_URLS),
            channels: object.texts("channels", MOST_CHANNELS).map_or_else(Vec::new, |list| list.value),
            credential: object.text("credential"),
            ca_file: object.text("ca_file"),
        };
        object.close();
        raw
    }
}

impl RawProbe {
    fn read(mut object: Object<'_>) -> Self {
        let raw = Self {
            interval: object.duration("interval"),
            retry_interval: object.duration("retry_interval"),
            timeout: object.duration("timeout"),
        };
        object.close();
        raw
    }
}

impl RawPromote {
    fn read(mut object: Object<'_>) -> Self {
        let raw = Self {
            after: object.duration("after"),
            failures: object.number("failures", 1..=100),
            restart_grace: object.duration("restart_grace"),
            sync_wait: object.duration("sync_wait"),
            witnesses: object.texts("witnesses", MOST_WITNESSES).map(|list| list.value),
        };
        object.close();
        raw
    }
}

impl RawDemote {
    fn read(mut object: Object<'_>) -> Self {
        let raw = Self {
            after: object.duration("after"),
            max_after: object.duration("max_after"),
            flap_window: object.duration("flap_window"),
        };
        object.close();
        raw
    }
}

impl RawGateway {
    fn read(mut object: Object<'_>) -> Self {
        let raw = Self {
            unit: object.text("unit"),
            url: object.text("url"),
            ca_file: object.text("ca_file"),
            start_timeout: object.duration("start_timeout"),
            stop_timeout: object.duration("stop_timeout"),
            keep_queue: object.truth("keep_queue"),
        };
        object.close();
        raw
    }
}

impl RawWorkspace {
    fn read(mut object: Object<'_>) -> Self {
        let raw = Self {
            path: object.text("path"),
            remote: object.text("remote"),
            url: object.text("url"),
            branch: object.text("branch"),
            timeout: object.duration("timeout"),
            refresh: object.duration("refresh"),
            push_interval: object.duration("push_interval"),
            merge: object.truth("merge"),
            max_file: object.size("max_file"),
        };
        object.close();
        raw
    }
}

impl RawSecret {
    fn read(place: Place, mut object: Object<'_>) -> Self {
        let raw = Self { place, source: object.text("source"), target: object.text("target") };
        object.close();
        raw
    }
}

impl RawNotify {
    fn read(place: Place, mut object: Object<'_>) -> Self {
        let raw = Self {
            place,
            credential: object.text("credential"),
            format: object.text("format"),
            events: object.texts("events", MOST_TOPICS).map(|list| list.value),
            ca_file: object.text("ca_file"),
        };
        object.close();
        raw
    }
}

impl RawDrill {
    fn read(mut object: Object<'_>) -> Self {
        let raw = Self { interval: object.duration("interval") };
        object.close();
        raw
    }
}

impl RawHeartbeat {
    fn read(place: Place, mut object: Object<'_>) -> Self {
        let raw = Self {
            place,
            credential: object.text("credential"),
            interval: object.duration("interval"),
            ca_file: object.text("ca_file"),
        };
        object.close();
        raw
    }
}
