//! Source of the configuration: a file or the environment.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config::diagnostics::ConfigErrors;
use crate::config::environment::LegacyVariables;
use crate::config::model::{Config, WorkspaceConfig};
use crate::os::{ReadError, read_regular};

/// Configuration file that is read by default.
pub const DEFAULT_CONFIG_FILE: &str = "/etc/openclaw-failover/config.json";

/// Maximum size of a configuration file, in bytes.
const MAX_CONFIG_BYTES: u64 = 256 * 1024;

/// Source of the configuration. It can be loaded again after the file changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// A file.
    File(PathBuf),
    /// Variables of the old shell monitor, if there is no file.
    Environment(LegacyVariables),
}

impl ConfigSource {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// All problems.
    pub fn load(&self) -> Result<Config, ConfigErrors> {
        match self {
            Self::File(path) => load_config(path),
            Self::Environment(variables) => variables.to_config(),
        }
    }
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(_) => f.write_str("the environment (PRIMARY_IP)"),
        }
    }
}

/// Finds the source of the configuration: the `explicit` file, else [`DEFAULT_CONFIG_FILE`] if it exists, else the
/// variables of the old shell monitor. `get` looks up an environment variable.
///
/// # Errors
/// If there is none of them; the message shows a minimal configuration.
pub fn find_source(
    explicit: Option<&Path>,
    get: impl Fn(&str) -> Option<String>,
) -> Result<ConfigSource, ConfigErrors> {
    find_from(explicit, Path::new(DEFAULT_CONFIG_FILE), get)
}

fn find_from(
    explicit: Option<&Path>,
    default: &Path,
    get: impl Fn(&str) -> Option<String>,
) -> Result<ConfigSource, ConfigErrors> {
    if let Some(path) = explicit {
        return Ok(ConfigSource::File(path.to_owned()));
    }
    // A file that exists but cannot be accessed is an error, not a reason to use the environment.
    let is_absent = default.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if !is_absent {
        return Ok(ConfigSource::File(default.to_owned()));
    }
    let variables = LegacyVariables::read(get);
    if variables.has_primary() {
        return Ok(ConfigSource::Environment(variables));
    }
    Err(ConfigErrors::single(format!(
        "cannot find a configuration: {} does not exist and PRIMARY_IP is not set; create the file, for example with: \
         {{ \"upstreams\": [{{ \"name\": \"primary\", \"urls\": [\"http://100.64.0.1:18789\"] }}] }}",
        default.display()
    )))
}

/// Reads and checks a configuration file.
///
/// # Errors
/// All problems, each with the file's name and a line.
pub fn load_config(path: &Path) -> Result<Config, ConfigErrors> {
    load_as(path, crate::config::parse)
}

/// Reads and checks a primary's configuration: the `explicit` file, else [`DEFAULT_CONFIG_FILE`] if it exists, else the
/// defaults.
///
/// # Errors
/// All problems, each with the file's name and a line.
pub fn load_primary(explicit: Option<&Path>) -> Result<WorkspaceConfig, ConfigErrors> {
    let path = explicit.unwrap_or(Path::new(DEFAULT_CONFIG_FILE));
    let is_absent = path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if explicit.is_none() && is_absent {
        Ok(WorkspaceConfig::default())
    } else {
        load_as(path, crate::config::parse_primary)
    }
}

fn load_as<T>(path: &Path, parse: fn(&str, &str) -> Result<T, ConfigErrors>) -> Result<T, ConfigErrors> {
    let name = path.display().to_string();
    let bytes = read_regular(path, MAX_CONFIG_BYTES).map_err(|why| {
        let hint = match &why {
            ReadError::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
                "permission denied; the file holds no secrets, so make it readable: `chmod 0644`"
            }
            why => &why.to_string(),
        };
        ConfigErrors::single(format!("cannot read {name}: {hint}"))
    })?;
    match String::from_utf8(bytes) {
        Ok(text) if path.ends_with("openclaw.json") => parse(&text, &name).map_err(|_| {
            ConfigErrors::single(format!(
                "{name}: is OpenClaw's own configuration; name that of openclaw-failover, such as \
                 {DEFAULT_CONFIG_FILE}; a primary's file, checked with --primary, needs only \"workspace\""
            ))
        }),
        Ok(text) => parse(&text, &name),
        Err(error) => {
            let (sound, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
            let line = 1 + sound.iter().filter(|byte| **byte == b'\n').count();
            let what = "is not UTF-8 text; save the file as UTF-8";
            Err(ConfigErrors::single(format!("{name}:{line}: {what}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primary(name: &str) -> Option<String> {
        (name == "PRIMARY_IP").then(|| "claw".to_owned())
    }

    #[test]
    fn a_named_file_beats_the_default_file_beats_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let default = folder.path().join("config.json");
        let named = Path::new("/nowhere/other.json");
        let none = |_: &str| None;

        assert_eq!(find_from(Some(named), &default, primary), Ok(ConfigSource::File(named.into())));
        assert!(matches!(find_from(None, &default, primary), Ok(ConfigSource::Environment(_))));
        let problem = find_from(None, &default, none).unwrap_err().to_string();
        assert!(problem.contains("PRIMARY_IP") && problem.contains("\"upstreams\": [{"), "{problem}");

        // A dangling link is an error: a configuration file is expected there.
        std::os::unix::fs::symlink("/nowhere/at/all", &default).unwrap();
        assert_eq!(find_from(None, &default, primary), Ok(ConfigSource::File(default.clone())));
        let problem = load_config(&default).unwrap_err().to_string();
        assert!(problem.ends_with("it does not exist"), "{problem}");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        let problem = || load_config(&file).unwrap_err().to_string();

        std::fs::write(&file, b"{\n\n\"upstreams\": \xff }").unwrap();
        assert!(problem().contains("config.json:3: is not UTF-8"), "{}", problem());

        std::fs::write(&file, " ".repeat(300_000)).unwrap();
        assert!(problem().contains("larger than 256 KiB"), "{}", problem());

        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert!(problem().starts_with("cannot read "), "{}", problem());
    }
}
