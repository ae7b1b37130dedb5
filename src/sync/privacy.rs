//! Asks once a day whether the remote shows the workspace to everybody: it is an agent's memory of somebody's life.

use std::time::Duration;

use super::checkout::Checkout;
use super::remote;
use super::report::Pushed;
use crate::failover::Time;

/// How long an answer holds.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Tells in `pushed` whether anybody may read the remote.
pub(super) fn ask(checkout: &Checkout<'_>, last: Option<&Pushed>, pushed: &mut Pushed) {
    if let Some(last) = last {
        (pushed.open, pushed.open_asked) = (last.open, last.open_asked);
    }
    let is_known = pushed.open_asked.is_some_and(|asked| holds(asked, pushed.started));
    // A remote that has just not been reached needs no second question.
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

/// True if an answer still holds. One from the future was given before the clock was set back, at any time.
fn holds(asked: Time, now: Time) -> bool {
    asked <= now && now.since(asked) < AGAIN
}

fn warn(pushed: &mut Pushed) {
    if pushed.open {
        pushed.add("anybody may read this private memory at the git host; make the repository private there");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_for_a_day_and_none_from_the_future_does() {
        let at = |hours: u64| Time::from_millis(hours * 60 * 60 * 1000);
        assert!(holds(at(10), at(10)) && holds(at(10), at(33)));
        assert!(!holds(at(10), at(34)));
        assert!(!holds(at(11), at(10)));
    }
}
