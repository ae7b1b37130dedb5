//! Rendering of the metrics, and `metrics.prom`.

use std::path::Path;

use crate::os::atomic_file::{self, FileError};
use crate::status::metrics::families::FAMILIES;
use crate::status::metrics::{METRIC_PREFIX, MetricFamily, MetricsSnapshot, SampleWriter};

impl MetricsSnapshot<'_> {
    /// Returns the whole file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for MetricFamily { name, kind, help, samples } in FAMILIES {
            for (word, rest) in [("HELP", help), ("TYPE", kind)] {
                ["# ", word, " ", METRIC_PREFIX, name, " ", rest, "\n"].iter().for_each(|part| text.push_str(part));
            }
            samples(self, &mut SampleWriter { text: &mut text, name });
        }
        text
    }

    /// Replaces the file atomically, readable by every user, as [`Status::save`] does.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        atomic_file::replace(path, 0o644, self.to_text().as_bytes())
    }
}
