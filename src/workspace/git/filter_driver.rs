//! Filters that the owner has set up (`filter.<name>.clean`, `smudge`, `process`, `required`).

use std::time::Duration;

use crate::workspace::git::settings;

/// Time limit of filters, unless `workspace.timeout` is shorter.
pub(crate) const FILTER_TIME_LIMIT: Duration = Duration::from_secs(60);

/// Filter that the owner has set up.
#[derive(Debug, Default)]
pub(crate) struct FilterDriver {
    pub(crate) name: String,
    /// True if it has a command for storing.
    pub(crate) has_clean: bool,
    /// True if it has a command for writing.
    pub(crate) has_smudge: bool,
    /// True if the owner requires it.
    pub(crate) is_required: bool,
    /// True if it stores contents where git LFS does, under any name.
    pub(crate) is_lfs: bool,
}

impl FilterDriver {
    pub(crate) fn required_key(&self) -> String {
        format!("filter.{}.required", self.name)
    }
}

/// Adds a command of a filter, `filter.<name>.clean` and the like.
pub(crate) fn add_filter_command(drivers: &mut Vec<FilterDriver>, key: &str, command: &str) {
    let Some((name, what)) = key.strip_prefix("filter.").and_then(|rest| rest.rsplit_once('.')) else { return };
    let at = drivers.iter().position(|driver| driver.name == name).unwrap_or_else(|| {
        drivers.push(FilterDriver { name: name.to_owned(), ..FilterDriver::default() });
        drivers.len() - 1
    });
    let Some(driver) = drivers.get_mut(at) else { return };
    let is_set = !command.is_empty();
    driver.is_lfs |= command.contains("git-lfs") || command.contains("git lfs");
    match what {
        "clean" => driver.has_clean |= is_set,
        "smudge" => driver.has_smudge |= is_set,
        "required" => driver.is_required = settings::is_true(command),
        _ => (driver.has_clean, driver.has_smudge) = (driver.has_clean || is_set, driver.has_smudge || is_set),
    }
}
