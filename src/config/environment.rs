//! Environment variables of the old shell monitor, so that this program is a drop-in replacement.
//!
//! The old monitor probed every `CHECK_INTERVAL` seconds and failed over after `FAIL_THRESHOLD` failures in a row. The
//! product of both is `promote.after`. The variables are read only if there is no configuration file.

use std::net::Ipv6Addr;
use std::time::Duration;

use crate::config::diagnostics::{ConfigErrors, Diagnostics, Origin, quote};
use crate::config::endpoint::{DEFAULT_GATEWAY_PORT, Endpoint};
use crate::config::model::{Config, DemotionConfig, ProbeConfig, SecretConfig, UpstreamConfig};
use crate::text::duration::format_duration;

/// Default of `CHECK_INTERVAL` in the old monitor, in seconds.
const DEFAULT_CHECK_INTERVAL_SECONDS: u64 = 10;
/// Default of `FAIL_THRESHOLD` in the old monitor.
const DEFAULT_FAIL_THRESHOLD: u64 = 3;

/// Shortest `promote.after` that the variables can set.
const MIN_WINDOW: Duration = Duration::from_secs(5);
/// Longest `promote.after` that the variables can set. Other values need a file, where they are visible.
const MAX_WINDOW: Duration = Duration::from_secs(60 * 60);

/// Variables as found in the environment. An empty one counts as unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegacyVariables {
    primary_ip: Option<String>,
    primary_port: Option<String>,
    secrets_host: Option<String>,
    check_interval: Option<String>,
    fail_threshold: Option<String>,
}

impl LegacyVariables {
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
    pub fn has_primary(&self) -> bool {
        self.primary_ip.is_some()
    }

    /// Returns the configuration that the variables describe.
    ///
    /// # Errors
    /// All problems, each with the name of its variable.
    pub fn to_config(&self) -> Result<Config, ConfigErrors> {
        let problems = Diagnostics::new("environment");
        let mut config = Config { upstreams: vec![self.upstream(&problems)], ..Config::default() };
        self.set_timing(&mut config, &problems);
        config.secrets.extend(self.secrets_host.as_deref().map(|host| secret(host, &problems)));
        crate::config::validate::check_config(&mut config, &problems);
        problems.finish(config)
    }

    fn upstream(&self, problems: &Diagnostics) -> UpstreamConfig {
        for path in ["upstreams", "upstreams[0].name", "upstreams[0].urls", "upstreams[0].urls[0]"] {
            problems.set_origin(path, Origin::Variable("PRIMARY_IP"));
        }
        let host = self.primary_ip.as_deref().unwrap_or_default();
        let default = u64::from(DEFAULT_GATEWAY_PORT);
        let port = parse_number("PRIMARY_PORT", &self.primary_port, default, 65_535, problems);
        let port = u16::try_from(port).unwrap_or(DEFAULT_GATEWAY_PORT);
        let url = Endpoint::from_host(host, port).unwrap_or_else(|what| {
            let hint = "write an address or a host name alone; the port goes into PRIMARY_PORT";
            problems.add("PRIMARY_IP", format!("{what}; {hint}"));
            Endpoint::placeholder()
        });
        UpstreamConfig { name: "primary".into(), urls: vec![url.to_string()], ..UpstreamConfig::default() }
    }

    /// Derives the probe timing. The old monitor had one interval; this one also has a probe timeout and a shorter
    /// interval after a failure. The values are chosen so that every window fits the required number of failures.
    fn set_timing(&self, config: &mut Config, problems: &Diagnostics) {
        let interval =
            parse_number("CHECK_INTERVAL", &self.check_interval, DEFAULT_CHECK_INTERVAL_SECONDS, 3600, problems);
        let threshold = parse_number("FAIL_THRESHOLD", &self.fail_threshold, DEFAULT_FAIL_THRESHOLD, 3600, problems);
        let window = Duration::from_secs(interval * threshold);
        for path in ["probe.interval", "probe.retry_interval", "probe.timeout", "promote.after"] {
            problems.set_origin(path, Origin::Variable("CHECK_INTERVAL × FAIL_THRESHOLD"));
        }
        if !(MIN_WINDOW..=MAX_WINDOW).contains(&window) {
            let what = format!(
                "is {}; variables can set {} to {}; use a configuration file for other values",
                format_duration(window),
                format_duration(MIN_WINDOW),
                format_duration(MAX_WINDOW)
            );
            problems.add("promote.after", what);
        }
        let usual = ProbeConfig::default();
        let fraction = |divisor| Duration::from_millis(interval * threshold * 1000 / divisor);
        // The hold-down must be long enough for two successful probes.
        let longest = DemotionConfig::default().after.min(fraction(2));
        let interval = Duration::from_secs(interval).min(longest);
        let timeout = usual.timeout.min(fraction(6));
        config.probe =
            ProbeConfig { interval, retry_interval: usual.retry_interval.min(timeout).min(interval), timeout };
        config.promote.after = window;
    }
}

fn secret(host: &str, problems: &Diagnostics) -> SecretConfig {
    problems.set_origin("secrets[0].source", Origin::Variable("SECRETS_HOST"));
    let is_bare_ipv6 = host.parse::<Ipv6Addr>().is_ok();
    let host = if is_bare_ipv6 { format!("[{host}]") } else { host.to_owned() };
    SecretConfig { source: format!("openclaw@{host}:.openclaw/standby.env"), ..SecretConfig::default() }
}

/// Reads a whole number from 1 to `most`. Returns the default for an unset variable, and for a bad one, which is
/// reported.
fn parse_number(name: &str, text: &Option<String>, default: u64, most: u64, problems: &Diagnostics) -> u64 {
    let Some(text) = text else { return default };
    match text.trim().parse() {
        Ok(number) if (1..=most).contains(&number) => number,
        _ => {
            let what = format!("{} must be a whole number from 1 to {most}", quote(text));
            problems.add(name, what);
            default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        LegacyVariables::read(get).to_config()
    }

    #[test]
    fn an_address_is_enough() {
        let config = configuration(&[("PRIMARY_IP", "100.64.0.1")]).unwrap();
        assert_eq!(config.upstreams[0].urls, ["http://100.64.0.1:18789"]);
        assert_eq!(config.probe, ProbeConfig::default());
        assert_eq!(config.promote, crate::config::PromotionConfig::default());
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
        let secret = SecretConfig {
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
                let printed = config.to_json().to_pretty();
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
