//! Environment variables of the old shell monitor, so that this program is a drop-in replacement.
//!
//! The old monitor probed every `CHECK_INTERVAL` seconds and failed over after `FAIL_THRESHOLD` failures in a row. The
//! product of both is `promote.after`. The variables are read only if there is no configuration file.

use std::net::Ipv6Addr;
use std::time::Duration;

use crate::config::diagnostics::{Collector, Problems, quoted};
use crate::config::endpoint::{DEFAULT_PORT, Endpoint};
use crate::config::model::{Config, Demote, Probe};
use crate::config::schema::{Raw, RawProbe, RawPromote, RawSecret, RawUpstream};
use crate::config::span::{At, Place};
use crate::text::duration::show;

/// Default of `CHECK_INTERVAL` in the old monitor, in seconds.
const DEFAULT_INTERVAL: u64 = 10;
/// Default of `FAIL_THRESHOLD` in the old monitor.
const DEFAULT_THRESHOLD: u64 = 3;

/// Shortest `promote.after` that the variables can set.
const SHORTEST_WINDOW: Duration = Duration::from_secs(5);
/// Longest `promote.after` that the variables can set. Other values need a file, where they are visible.
const LONGEST_WINDOW: Duration = Duration::from_secs(60 * 60);

/// Variables as found in the environment. An empty one counts as unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    primary_ip: Option<String>,
    primary_port: Option<String>,
    secrets_host: Option<String>,
    check_interval: Option<String>,
    fail_threshold: Option<String>,
}

impl Variables {
    /// Reads the variables; `get` looks one up in the environment.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name| get(name).filter(|value| !value.is_empty());
        Self {
            primary_ip: get("PRIMARY_IP"),
            primary_port: get("PRIMARY_PORT"),
            secrets_host: get("SECRETS_HOST"),
            check_interval: get("CHECK_INTERVAL"),
            fail_threshold: get("FAIL_THRESHOLD"),
        }
    }

    /// True if `PRIMARY_IP` is set; without it the variables are not a configuration.
    #[must_use]
    pub fn name_a_primary(&self) -> bool {
        self.primary_ip.is_some()
    }

    /// Returns the configuration that the variables describe.
    ///
    /// # Errors
    /// All problems, each with the name of its variable.
    pub fn configuration(&self) -> Result<Config, Problems> {
        let problems = Collector::new("environment");
        let raw = self.raw(&problems);
        let config = crate::config::validate::check(raw, &problems);
        problems.finish(config)
    }

    fn raw(&self, problems: &Collector) -> Raw {
        let (probe, promote) = self.timing(problems);
        Raw { upstreams: Some(self.upstreams(problems)), probe, promote, secrets: self.secrets(), ..Raw::default() }
    }

    fn upstreams(&self, problems: &Collector) -> At<Vec<RawUpstream>> {
        let place = Place::variable("PRIMARY_IP");
        let host = self.primary_ip.as_deref().unwrap_or_default();
        let default = u64::from(DEFAULT_PORT);
        let port = number("PRIMARY_PORT", &self.primary_port, default, 65_535, problems);
        let port = u16::try_from(port).unwrap_or(DEFAULT_PORT);
        let url = Endpoint::from_host(host, port).unwrap_or_else(|what| {
            let hint = "write an address or a host name alone; the port goes into PRIMARY_PORT";
            problems.add(&place, format!("{what}; {hint}"));
            Endpoint::documentation()
        });
        let url = At { value: url.to_string(), place: place.clone() };
        let upstream = RawUpstream {
            place: place.clone(),
            name: Some(At { value: "primary".into(), place: place.clone() }),
            urls: Some(At { value: vec![url], place: place.clone() }),
            channels: Vec::new(),
            credential: None,
            ca_file: None,
        };
        At { value: vec![upstream], place }
    }

    /// Derives the probe timing. The old monitor had one interval; this one also has a probe timeout and a shorter
    /// interval after a failure. The values are chosen so that every window fits the required number of failures.
    fn timing(&self, problems: &Collector) -> (RawProbe, RawPromote) {
        let interval = number("CHECK_INTERVAL", &self.check_interval, DEFAULT_INTERVAL, 3600, problems);
        let threshold = number("FAIL_THRESHOLD", &self.fail_threshold, DEFAULT_THRESHOLD, 3600, problems);
        let window = Duration::from_secs(interval * threshold);
        let place = Place::variable("CHECK_INTERVAL × FAIL_THRESHOLD");
        if !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&window) {
            let what = format!(
                "is {}; variables can set {} to {}; use a configuration file for other values",
                show(window),
                show(SHORTEST_WINDOW),
                show(LONGEST_WINDOW)
            );
            problems.add(&place, what);
        }
        let set = |value| {
            let place = place.clone();
            Some(At { value, place })
        };
        let usual = Probe::default();
        let fraction = |divisor| Duration::from_millis(interval * threshold * 1000 / divisor);
        // The hold-down must be long enough for two successful probes.
        let longest = Demote::default().after.min(fraction(2));
        let interval = Duration::from_secs(interval).min(longest);
        let timeout = usual.timeout.min(fraction(6));
        let probe = RawProbe {
            interval: set(interval),
            retry_interval: set(usual.retry_interval.min(timeout).min(interval)),
            timeout: set(timeout),
        };
        let promote = RawPromote { after: set(window), ..RawPromote::default() };
        (probe, promote)
    }

    fn secrets(&self) -> Vec<RawSecret> {
        let place = Place::variable("SECRETS_HOST");
        let secret = |host: &String| {
            let is_bare_ipv6 = host.parse::<Ipv6Addr>().is_ok();
            let host = if is_bare_ipv6 { format!("[{host}]") } else { host.clone() };
            RawSecret {
                place: place.clone(),
                source: Some(At { value: format!("openclaw@{host}:.openclaw/standby.env"), place: place.clone() }),
                target: None,
            }
        };
        self.secrets_host.iter().map(secret).collect()
    }
}

/// Reads a whole number from 1 to `most`. Returns the default for an unset variable, and for a bad one, which is
/// reported.
fn number(name: &str, text: &Option<String>, default: u64, most: u64, problems: &Collector) -> u64 {
    let Some(text) = text else { return default };
    match text.trim().parse() {
        Ok(number) if (1..=most).contains(&number) => number,
        _ => {
            let what = format!("{} must be a whole number from 1 to {most}", quoted(text));
            problems.add(&Place::variable(name), what);
            default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn configuration(variables: &[(&str, &str)]) -> Result<Config, Problems> {
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Variables::read(get).configuration()
    }

    #[test]
    fn an_address_is_enough() {
        let config = configuration(&[("PRIMARY_IP", "100.64.0.1")]).unwrap();
        assert_eq!(config.upstreams[0].urls, ["http://100.64.0.1:18789"]);
        assert_eq!(config.probe, Probe::default());
        assert_eq!(config.promote, crate::config::Promote::default());
        assert!(config.secrets.is_empty());
    }

    #[test]
    fn all_five_are_obeyed() {
        let config = configuration(&[
            ("PRIMARY_IP", "fd7a::1"),
            ("PRIMARY_PORT", "8080"),
            ("SECRETS_HOST", "fd7a::2"),
            ("CHECK_INTERVAL", "20"),
            ("FAIL_THRESHOLD", "6"),
        ])
        .unwrap();
        assert_eq!(config.upstreams[0].urls, ["http://[fd7a::1]:8080"]);
        assert_eq!(config.probe.interval, Duration::from_secs(20));
        assert_eq!(config.promote.after, Duration::from_secs(120));
        let secret = Secret {
            source: "openclaw@[fd7a::2]:.openclaw/standby.env".into(),
            target: "/home/openclaw/.openclaw/secrets/".into(),
        };
        assert_eq!(config.secrets, [secret]);
    }

    #[test]
    fn every_window_of_an_old_setup_is_valid_and_prints_exactly() {
        for interval in 1..=300_u64 {
            for threshold in 1..=12_u64 {
                let (i, t) = (interval.to_string(), threshold.to_string());
                let asked = [("PRIMARY_IP", "claw"), ("CHECK_INTERVAL", &i), ("FAIL_THRESHOLD", &t)];
                let configuration = configuration(&asked);
                if !(5..=3600).contains(&(interval * threshold)) {
                    let problems = configuration.unwrap_err().to_string();
                    assert!(problems.contains("CHECK_INTERVAL × FAIL_THRESHOLD: is "));
                    continue;
                }
                let config = configuration.unwrap();
                assert_eq!(config.promote.after.as_secs(), interval * threshold);
                let printed = config.to_json().pretty();
                assert_eq!(crate::config::parse(&printed, "printed"), Ok(config));
            }
        }
    }

    #[test]
    fn problems_name_the_variable() {
        let problems = configuration(&[
            ("PRIMARY_IP", "http://claw:18789"),
            ("PRIMARY_PORT", "0"),
            ("SECRETS_HOST", "me@claw"),
            ("CHECK_INTERVAL", "10s"),
            ("FAIL_THRESHOLD", "-1"),
        ])
        .unwrap_err();
        let lines: Vec<&str> = problems.lines().collect();
        assert_eq!(lines.len(), 5, "{problems}");
        for name in ["PRIMARY_IP", "PRIMARY_PORT", "SECRETS_HOST", "CHECK_INTERVAL", "FAIL_THRESHOLD"] {
            let start = format!("environment: {name}: ");
            assert!(lines.iter().any(|line| line.starts_with(&start)), "{name}: {problems}");
        }
        let own = configuration(&[("PRIMARY_IP", "127.0.0.1")]).unwrap_err();
        assert!(own.to_string().contains("own gateway"), "{own}");
    }
}
