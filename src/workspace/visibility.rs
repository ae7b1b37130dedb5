//! Daily check that the public cannot read the remote: an agent's memory is private.

use std::time::Duration;

use crate::text::Time;
use crate::workspace::git::remote;
use crate::workspace::git::repository::RepositorySpec;
use crate::workspace::report::PushReport;

/// Interval between two checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Records in `pushed` whether the public can read the remote.
pub(super) fn check_visibility(checkout: &RepositorySpec<'_>, last: Option<&PushReport>, pushed: &mut PushReport) {
    if let Some(last) = last {
        (pushed.is_public, pushed.visibility_checked_at) = (last.is_public, last.visibility_checked_at);
    }
    let is_known = pushed.visibility_checked_at.is_some_and(|asked| holds(asked, pushed.started_at));
    // A remote that has just not been reached needs no second question.
    if is_known || !pushed.is_complete() || checkout.cancel.is_cancelled() {
        warn_if_public(pushed);
        return;
    }
    if let Ok(git) = checkout.open() {
        pushed.is_public = git.remote_url.as_deref().is_some_and(remote::is_public);
        pushed.visibility_checked_at = Some(pushed.started_at);
    }
    warn_if_public(pushed);
}

/// True if an answer still holds. One from the future was given before the clock was set back, at any time.
fn holds(asked: Time, now: Time) -> bool {
    asked <= now && now.since(asked) < CHECK_INTERVAL
}

fn warn_if_public(pushed: &mut PushReport) {
    if pushed.is_public {
        pushed.add_detail("the public can read this private memory at the git host; make the repository private there");
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
