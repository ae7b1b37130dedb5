//! Time since boot. It gives the order and age of records written during one boot, independent of the wall clock.

use std::fs;
use std::time::Duration;

use crate::text::json::Value;
use crate::text::json_fields;

/// Moment since one boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootTime {
    /// First 32 bits of the boot's id.
    boot_id: u32,
    /// Time since the boot, in milliseconds, suspended time included.
    uptime_millis: u64,
}

impl BootTime {
    /// Creates the moment `up` after the boot with this id.
    pub fn new(boot: u32, up: Duration) -> Self {
        Self { boot_id: boot, uptime_millis: u64::try_from(up.as_millis()).unwrap_or(u64::MAX) }
    }

    /// Returns the moment `up` after the same boot.
    #[must_use]
    pub fn with_uptime(self, up: Duration) -> Self {
        Self::new(self.boot_id, up)
    }

    /// Returns the current moment; `None` if /proc cannot be read.
    pub fn now() -> Option<Self> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let boot = u32::from_str_radix(id.get(..8)?, 16).ok()?;
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let seconds: f64 = uptime.split(' ').next()?.parse().ok()?;
        Some(Self { boot_id: boot, uptime_millis: (seconds * 1000.0) as u64 })
    }

    /// Returns the moment `millis` milliseconds later; earlier if negative.
    pub(crate) fn offset_by_millis(self, millis: i64) -> Self {
        Self { uptime_millis: self.uptime_millis.saturating_add_signed(millis), ..self }
    }

    /// True if both moments belong to the same boot.
    pub fn is_same_boot(self, other: Self) -> bool {
        self.boot_id == other.boot_id
    }

    /// Returns the time since `earlier`; `None` if that belongs to another boot or is later.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let millis =
            self.uptime_millis.checked_sub(earlier.uptime_millis).filter(|_| self.boot_id == earlier.boot_id)?;
        Some(Duration::from_millis(millis))
    }

    /// Returns the two JSON fields of the moment.
    pub(crate) fn to_fields(self) -> [(&'static str, Value); 2] {
        [
            ("boot", format!("{:08x}", self.boot_id).into()),
            ("up_seconds", json_fields::seconds_to_json(Duration::from_millis(self.uptime_millis))),
        ]
    }

    /// Reads the two fields; `None` if they are missing, as in files of older versions.
    pub(crate) fn read(node: &Value) -> Option<Self> {
        let boot = u32::from_str_radix(node.get("boot")?.as_str()?, 16).ok()?;
        let up = json_fields::read_field(node, "up_seconds").ok()?;
        Some(Self::new(boot, up))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::json;

    #[test]
    fn a_boot_time_reads_back_and_orders_within_its_boot_only() {
        let at = |boot, seconds: u64| BootTime::new(boot, Duration::from_millis(seconds * 1000 + 7));
        let text = Value::from_entries(at(0x0fab, 12).to_fields()).to_string();
        assert_eq!(BootTime::read(&json::parse(&text).unwrap()), Some(at(0x0fab, 12)));
        assert_eq!(BootTime::read(&json::parse("{}").unwrap()), None);
        assert_eq!(at(1, 12).since(at(1, 2)), Some(Duration::from_secs(10)));
        assert_eq!((at(1, 12).since(at(2, 2)), at(1, 2).since(at(1, 12))), (None, None));
    }

    #[test]
    fn the_kernel_tells_the_time_since_the_boot() {
        let (Some(before), Some(after)) = (BootTime::now(), BootTime::now()) else { return };
        assert!(after.since(before).is_some());
    }
}
