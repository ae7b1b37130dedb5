//! Raw configuration: typed values with their positions, not yet checked.

use std::time::Duration;

use crate::config::decode::{ObjectDecoder, Untyped};
use crate::config::diagnostics::Diagnostics;
use crate::config::span::{Span, Spanned};
use crate::text::json::Node;

// Maximum number of entries of each list.
const MAX_UPSTREAMS: usize = 8;
const MAX_URLS: usize = 8;
const MAX_CHANNELS: usize = 32;
const MAX_WITNESSES: usize = 8;
const MAX_SECRETS: usize = 16;
const MAX_WEBHOOKS: usize = 8;
const MAX_TOPICS: usize = 16;

/// All keys of the configuration file.
#[derive(Default)]
pub(super) struct RawConfig {
    pub(super) upstreams: Option<Spanned<Vec<RawUpstream>>>,
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
    pub(super) span: Span,
    pub(super) name: Option<Spanned<String>>,
    pub(super) urls: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) channels: Vec<Spanned<String>>,
    pub(super) credential: Option<Spanned<String>>,
    pub(super) ca_file: Option<Spanned<String>>,
}

#[derive(Default)]
pub(super) struct RawProbe {
    pub(super) interval: Option<Spanned<Duration>>,
    pub(super) retry_interval: Option<Spanned<Duration>>,
    pub(super) timeout: Option<Spanned<Duration>>,
}

#[derive(Default)]
pub(super) struct RawPromote {
    pub(super) after: Option<Spanned<Duration>>,
    pub(super) failures: Option<Spanned<u32>>,
    pub(super) restart_grace: Option<Spanned<Duration>>,
    pub(super) sync_wait: Option<Spanned<Duration>>,
    pub(super) witnesses: Option<Vec<Spanned<String>>>,
}

#[derive(Default)]
pub(super) struct RawDemote {
    pub(super) after: Option<Spanned<Duration>>,
    pub(super) max_after: Option<Spanned<Duration>>,
    pub(super) flap_window: Option<Spanned<Duration>>,
}

#[derive(Default)]
pub(super) struct RawGateway {
    pub(super) unit: Option<Spanned<String>>,
    pub(super) url: Option<Spanned<String>>,
    pub(super) ca_file: Option<Spanned<String>>,
    pub(super) start_timeout: Option<Spanned<Duration>>,
    pub(super) stop_timeout: Option<Spanned<Duration>>,
    pub(super) keep_queue: Option<bool>,
}

#[derive(Default)]
pub(super) struct RawWorkspace {
    pub(super) path: Option<Spanned<String>>,
    pub(super) remote: Option<Spanned<String>>,
    pub(super) url: Option<Spanned<String>>,
    pub(super) branch: Option<Spanned<String>>,
    pub(super) timeout: Option<Spanned<Duration>>,
    pub(super) refresh: Option<Spanned<Duration>>,
    pub(super) push_interval: Option<Spanned<Duration>>,
    pub(super) merge: Option<bool>,
    pub(super) max_file: Option<Spanned<u64>>,
}

pub(super) struct RawSecret {
    pub(super) span: Span,
    pub(super) source: Option<Spanned<String>>,
    pub(super) target: Option<Spanned<String>>,
}

pub(super) struct RawNotify {
    pub(super) span: Span,
    pub(super) credential: Option<Spanned<String>>,
    pub(super) format: Option<Spanned<String>>,
    pub(super) events: Option<Vec<Spanned<String>>>,
    pub(super) ca_file: Option<Spanned<String>>,
}

#[derive(Default)]
pub(super) struct RawDrill {
    pub(super) interval: Option<Spanned<Duration>>,
}

pub(super) struct RawHeartbeat {
    pub(super) span: Span,
    pub(super) credential: Option<Spanned<String>>,
    pub(super) interval: Option<Spanned<Duration>>,
    pub(super) ca_file: Option<Spanned<String>>,
}

impl RawConfig {
    /// Decodes the file's JSON.
    pub(super) fn decode(document: &Node, problems: &Diagnostics) -> Self {
        let whole = Spanned { value: document, span: Span::at_line(document.position.line, "") };
        let Some(mut top) = ObjectDecoder::open(&whole, problems) else {
            return Self::default();
        };
        let upstreams = top.read_list("upstreams", MAX_UPSTREAMS);
        let secrets = top.read_list("secrets", MAX_SECRETS);
        let notify = top.read_list("notify", MAX_WEBHOOKS);
        let heartbeat = top.get("heartbeat");
        let raw = Self {
            upstreams: upstreams.map(|list| Spanned {
                value: decode_objects(&list.value, problems, RawUpstream::decode),
                span: list.span,
            }),
            probe: RawProbe::decode(top.read_object("probe")),
            promote: RawPromote::decode(top.read_object("promote")),
            demote: RawDemote::decode(top.read_object("demote")),
            gateway: RawGateway::decode(top.read_object("gateway")),
            workspace: RawWorkspace::decode(top.read_object("workspace")),
            secrets: secrets.map_or_else(Vec::new, |list| decode_objects(&list.value, problems, RawSecret::decode)),
            notify: notify.map_or_else(Vec::new, |list| decode_objects(&list.value, problems, RawNotify::decode)),
            heartbeat: heartbeat.and_then(|one| decode_objects(&[one], problems, RawHeartbeat::decode).pop()),
            drill: RawDrill::decode(top.read_object("drill")),
        };
        top.report_unknown_keys();
        raw
    }
}

/// Decodes each object of a list.
fn decode_objects<'a, T>(
    items: &[Untyped<'a>],
    problems: &'a Diagnostics,
    read: impl Fn(Span, ObjectDecoder<'a>) -> T,
) -> Vec<T> {
    let read = |item: &Untyped<'a>| Some(read(item.span.clone(), ObjectDecoder::open(item, problems)?));
    items.iter().filter_map(read).collect()
}

impl RawUpstream {
    fn decode(place: Span, mut object: ObjectDecoder<'_>) -> Self {
        let raw = Self {
            span: place,
            name: object.read_text("name"),
            urls: object.read_texts("urls", MAX_URLS),
            channels: object.read_texts("channels", MAX_CHANNELS).map_or_else(Vec::new, |list| list.value),
            credential: object.read_text("credential"),
            ca_file: object.read_text("ca_file"),
        };
        object.report_unknown_keys();
        raw
    }
}

impl RawProbe {
    fn decode(mut object: ObjectDecoder<'_>) -> Self {
        let raw = Self {
            interval: object.read_duration("interval"),
            retry_interval: object.read_duration("retry_interval"),
            timeout: object.read_duration("timeout"),
        };
        object.report_unknown_keys();
        raw
    }
}

impl RawPromote {
    fn decode(mut object: ObjectDecoder<'_>) -> Self {
        let raw = Self {
            after: object.read_duration("after"),
            failures: object.read_number("failures", 1..=100),
            restart_grace: object.read_duration("restart_grace"),
            sync_wait: object.read_duration("sync_wait"),
            witnesses: object.read_texts("witnesses", MAX_WITNESSES).map(|list| list.value),
        };
        object.report_unknown_keys();
        raw
    }
}

impl RawDemote {
    fn decode(mut object: ObjectDecoder<'_>) -> Self {
        let raw = Self {
            after: object.read_duration("after"),
            max_after: object.read_duration("max_after"),
            flap_window: object.read_duration("flap_window"),
        };
        object.report_unknown_keys();
        raw
    }
}

impl RawGateway {
    fn decode(mut object: ObjectDecoder<'_>) -> Self {
        let raw = Self {
            unit: object.read_text("unit"),
            url: object.read_text("url"),
            ca_file: object.read_text("ca_file"),
            start_timeout: object.read_duration("start_timeout"),
            stop_timeout: object.read_duration("stop_timeout"),
            keep_queue: object.read_bool("keep_queue"),
        };
        object.report_unknown_keys();
        raw
    }
}

impl RawWorkspace {
    fn decode(mut object: ObjectDecoder<'_>) -> Self {
        let raw = Self {
            path: object.read_text("path"),
            remote: object.read_text("remote"),
            url: object.read_text("url"),
            branch: object.read_text("branch"),
            timeout: object.read_duration("timeout"),
            refresh: object.read_duration("refresh"),
            push_interval: object.read_duration("push_interval"),
            merge: object.read_bool("merge"),
            max_file: object.read_size("max_file"),
        };
        object.report_unknown_keys();
        raw
    }
}

impl RawSecret {
    fn decode(place: Span, mut object: ObjectDecoder<'_>) -> Self {
        let raw = Self { span: place, source: object.read_text("source"), target: object.read_text("target") };
        object.report_unknown_keys();
        raw
    }
}

impl RawNotify {
    fn decode(place: Span, mut object: ObjectDecoder<'_>) -> Self {
        let raw = Self {
            span: place,
            credential: object.read_text("credential"),
            format: object.read_text("format"),
            events: object.read_texts("events", MAX_TOPICS).map(|list| list.value),
            ca_file: object.read_text("ca_file"),
        };
        object.report_unknown_keys();
        raw
    }
}

impl RawDrill {
    fn decode(mut object: ObjectDecoder<'_>) -> Self {
        let raw = Self { interval: object.read_duration("interval") };
        object.report_unknown_keys();
        raw
    }
}

impl RawHeartbeat {
    fn decode(place: Span, mut object: ObjectDecoder<'_>) -> Self {
        let raw = Self {
            span: place,
            credential: object.read_text("credential"),
            interval: object.read_duration("interval"),
            ca_file: object.read_text("ca_file"),
        };
        object.report_unknown_keys();
        raw
    }
}
