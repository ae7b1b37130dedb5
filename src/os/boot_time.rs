//! Time since the boot: it orders and ages what processes of one boot have written, whatever becomes of the wall clock.

use std::fs;
use std::time::Duration;

use crate::text::json::Value;
use crate::text::{Time, json_fields};

/// A moment of one boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootTime {
    /// First 32 bits of the boot's id.
    boot: u32,
    /// Time since the boot, in milliseconds, suspended time included.
    up_millis: u64,
}

impl BootTime {
    /// A moment so long after the boot with this id.
    #[must_use]
    pub fn new(boot: u32, up: Duration) -> Self {
        Self { boot, up_millis: u64::try_from(up.as_millis()).unwrap_or(u64::MAX) }
    }

    /// The moment of the same boot so long after it began.
    #[must_use]
    pub fn of_same_boot(self, up: Duration) -> Self {
        Self::new(self.boot, up)
    }

    /// The present moment; `None` where the kernel does not tell.
    #[must_use]
    pub fn now() -> Option<Self> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let boot = u32::from_str_radix(id.get(..8)?, 16).ok()?;
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let seconds: f64 = uptime.split(' ').next()?.parse().ok()?;
        Some(Self { boot, up_millis: (seconds * 1000.0) as u64 })
    }

    /// The moment so many milliseconds later, or earlier.
    pub(crate) fn moved(self, millis: i64) -> Self {
        Self { up_millis: self.up_millis.saturating_add_signed(millis), ..self }
    }

    /// True if both are moments of one boot.
    #[must_use]
    pub fn is_of_boot_of(self, other: Self) -> bool {
        self.boot == other.boot
    }

    /// Time that has passed since `earlier`; `None` if that was in another boot, or lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let millis = self.up_millis.checked_sub(earlier.up_millis).filter(|_| self.boot == earlier.boot)?;
        Some(Duration::from_millis(millis))
    }

    /// The two fields under which it is written.
    pub(crate) fn fields(self) -> [(&'static str, Value); 2] {
        [
            ("boot", format!("{:08x}", self.boot).into()),
            ("up_seconds", json_fields::seconds(Duration::from_millis(self.up_millis))),
        ]
    }

    /// Reads them back; `None` if they are missing, as in what an older version wrote.
    pub(crate) fn read(node: &Value) -> Option<Self> {
        let boot = u32::from_str_radix(node.get("boot")?.as_str()?, 16).ok()?;
        let up = json_fields::as_seconds(node.get("up_seconds")?, "up_seconds").ok()?;
        Some(Self::new(boot, up))
    }
}

/// A moment by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock's label.
    pub label: Time,
    /// The same moment as time since the boot, where that is known.
    pub boot: Option<BootTime>,
}

impl Moment {
    /// The present moment.
    #[must_use]
    pub fn now() -> Self {
        Self { label: crate::os::clock::wall_clock(), boot: BootTime::now() }
    }

    /// Time that has passed since `earlier`, if both were in one boot: no wall clock is asked.
    #[must_use]
    pub fn measured_since(self, earlier: Self) -> Option<Duration> {
        self.boot?.since(earlier.boot?)
    }

    /// Time that has passed since `earlier`: measured, or else what the labels say, and never less than nothing.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.measured_since(earlier).unwrap_or_else(|| self.label.since(earlier.label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::json;

    #[test]
    fn a_boot_time_reads_back_and_orders_within_its_boot_only() {
        let at = |boot, seconds: u64| BootTime::new(boot, Duration::from_millis(seconds * 1000 + 7));
        let text = Value::object(at(0x0fab, 12).fields()).to_string();
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
