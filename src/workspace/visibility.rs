//! Daily check that the public cannot read the remote: an agent's memory is private.

use std::time::Duration;

use crate::workspace::git::remote;
use crate::workspace::git::repository::Checkout;
use crate::workspace::report::Pushed;

/// Interval between two checks.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Records in `pushed` whether the public can read the remote.
pub(super) fn ask(checkout: &Checkout<'_>, last: Option<&Pushed>, pushed: &mut Pushed) {
    if let Some(last) = last {
        (pushed.open, pushed.open_asked) = (last.open, last.open_asked);
    }
    let is_known = pushed.open_asked.is_some_and(|asked| pushed.started.since(asked) < AGAIN);
    // A remote that could not be reached is not queried again.
    if is_known || !pushed.is_returned() || checkout.cancel.is_cancelled() {
        warn(pushed);
        return;
    }
    if let Ok(git) = checkout.open() {
        pushed.open = git.url.as_deref().is_some_and(remote::is_open);
        pushed.open_asked = Some(pushed.started);
    }
    warn(pushed);
}

fn warn(pushed: &mut Pushed) {
    if pushed.open {
        pushed.add("the public can read this private memory at the git host; make the repository private there");
    }
}
