//! Identity of the process that answers on the gateway's port.
//!
//! The proof is a pair: the run of the unit, by its `InvocationID`, and the inodes of the sockets that can accept a
//! connection to the gateway's address. The monitor reads the inodes itself, without a child process. Only the
//! gateway's own user can see to which process they belong, so a check unit runs as that user. While the pair
//! stays the same, nothing is run again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::failover::Answerer;
use crate::gateway_check::SocketOwner;
use crate::monitor::backend::FindSocketOwners;
use crate::os::systemd::Unit;
use crate::os::{ListeningSocket, accepting_sockets, listening_sockets};

/// Pause after a check without proof: the first, doubled with each, up to the second.
const FIRST_RETRY_PAUSE: Duration = Duration::from_secs(2);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(60);

/// Longest pause if the sockets have changed meanwhile.
const MAX_RETRY_PAUSE_ON_CHANGE: Duration = Duration::from_secs(8);

/// Number of failed checks in a row after which the failure is reported.
const REPORTED_FAILURE_COUNT: u32 = 2;

/// Sockets that listen on one port at one moment; `None` if they cannot be read.
pub(super) type ListeningSockets = Option<Vec<ListeningSocket>>;

/// State of the identification: the last result, and failures since.
#[derive(Default)]
pub(super) struct AnswererIdentity {
    invocation: Option<String>,
    last_check: Option<OwnerCheck>,
    /// Number of checks in a row without proof.
    checks_without_proof: u32,
}

/// Result of the last check.
struct OwnerCheck {
    invocation: Option<String>,
    inodes: Vec<u64>,
    answerer: Answerer,
    at: Instant,
}

impl AnswererIdentity {
    /// Reads the sockets that listen on `port`. Read before and after each poll, so that an answer is never attributed
    /// to a socket that has just replaced another.
    pub(super) fn read_sockets(port: u16) -> ListeningSockets {
        listening_sockets(port).ok()
    }

    /// True if the owners of the sockets are known, so that no check has to run.
    pub(super) fn is_known(&self, now: &ListeningSockets, addresses: &[SocketAddr]) -> bool {
        let inodes = accepting_inodes(now, addresses);
        self.last_check.as_ref().is_some_and(|last| self.is_current(last, &inodes) && !self.is_due_again(last))
    }

    fn is_current(&self, last: &OwnerCheck, inodes: &[u64]) -> bool {
        last.inodes == inodes && last.invocation == self.invocation
    }

    /// True if the last result is no proof and old enough for another check.
    fn is_due_again(&self, last: &OwnerCheck) -> bool {
        last.answerer != Answerer::Unit && last.at.elapsed() >= self.retry_pause(MAX_RETRY_PAUSE)
    }

    /// Identifies the process that answers at `addresses`. Runs the check only if the result is not known and the last
    /// check is not too recent.
    pub(super) fn identify(
        &mut self,
        (before, now): (&ListeningSockets, &ListeningSockets),
        addresses: &[SocketAddr],
        unit: Option<&Unit>,
        port: u16,
        check: &dyn FindSocketOwners,
    ) -> Answerer {
        if let Some(unit) = unit {
            self.invocation.clone_from(&unit.invocation_id);
        }
        let inodes = accepting_inodes(now, addresses);
        if before != now || unit.is_some_and(Unit::is_stopped) {
            return Answerer::Pending;
        }
        if let Some(last) = &self.last_check {
            let is_same = self.is_current(last, &inodes);
            if is_same && !self.is_due_again(last) {
                return last.answerer.clone();
            }
            if !is_same && last.at.elapsed() < self.retry_pause(MAX_RETRY_PAUSE_ON_CHANGE) {
                return Answerer::Pending;
            }
        }
        let answerer = match now {
            Some(_) => check_owners(&inodes, port, check),
            None => Answerer::Unverified("/proc/net/tcp cannot be read".to_owned()),
        };
        self.checks_without_proof =
            if answerer == Answerer::Unit { 0 } else { self.checks_without_proof.saturating_add(1) };
        // A single failure may come from a host under load, so only the second in a row is reported.
        let is_reported =
            self.checks_without_proof >= REPORTED_FAILURE_COUNT || !matches!(answerer, Answerer::Unverified(_));
        let answerer = if is_reported { answerer } else { Answerer::Pending };
        let (invocation, at) = (self.invocation.clone(), Instant::now());
        self.last_check = Some(OwnerCheck { invocation, inodes, answerer: answerer.clone(), at });
        answerer
    }

    /// Returns the pause before the next check.
    fn retry_pause(&self, longest: Duration) -> Duration {
        match self.checks_without_proof.checked_sub(1) {
            None => Duration::ZERO,
            Some(before) => FIRST_RETRY_PAUSE.saturating_mul(1 << before.min(10)).min(longest),
        }
    }
}

fn check_owners(inodes: &[u64], port: u16, check: &dyn FindSocketOwners) -> Answerer {
    if inodes.is_empty() {
        let why = format!("no process of this host listens on port {port}, so something else forwards it");
        return Answerer::Unverified(why);
    }
    match check.find_socket_owners(inodes) {
        Ok(owners) => judge_owners(inodes, &owners, port, check.gateway_unit()),
        Err(why) => Answerer::Unverified(why.to_string()),
    }
}

/// Judges the owners. Every socket must be the unit's, because the kernel picks any of them.
fn judge_owners(inodes: &[u64], owners: &[(u64, SocketOwner)], port: u16, unit: &str) -> Answerer {
    let mut unknown = None;
    for inode in inodes {
        match owners.iter().find(|(known, _)| known == inode).map(|(_, owner)| owner) {
            Some(SocketOwner::GatewayUnit) => {}
            Some(SocketOwner::OtherProcess(holder)) => {
                return Answerer::Other(format!("port {port} is held by {holder}, not by {unit}"));
            }
            Some(SocketOwner::Unknown(why)) => unknown = Some(why.clone()),
            None => unknown = Some(format!("the socket on port {port} was replaced meanwhile")),
        }
    }
    unknown.map_or(Answerer::Unit, Answerer::Unverified)
}

/// Returns the inodes of the sockets that can accept a connection to any of the addresses.
fn accepting_inodes(now: &ListeningSockets, addresses: &[SocketAddr]) -> Vec<u64> {
    let listening = now.as_deref().unwrap_or_default();
    let taking = addresses.iter().flat_map(|address| accepting_sockets(listening, *address));
    let mut inodes: Vec<u64> = taking.map(|taker| taker.inode).collect();
    inodes.sort_unstable();
    inodes.dedup();
    inodes
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::net::TcpListener;

    use super::*;
    use crate::gateway_check::GatewayCheckError;
    use crate::os::systemd::{Active, Load};

    /// Stub that names one owner, or fails, and counts the calls.
    struct Check {
        owner: RefCell<Option<SocketOwner>>,
        asked: RefCell<usize>,
    }

    impl Check {
        fn with_owner(owner: Option<SocketOwner>) -> Self {
            Self { owner: RefCell::new(owner), asked: RefCell::new(0) }
        }
    }

    impl FindSocketOwners for Check {
        fn gateway_unit(&self) -> &str {
            "openclaw.service"
        }

        fn find_socket_owners(&self, inodes: &[u64]) -> Result<Vec<(u64, SocketOwner)>, GatewayCheckError> {
            *self.asked.borrow_mut() += 1;
            let owner = self.owner.borrow().clone().ok_or(GatewayCheckError::NoReport)?;
            Ok(inodes.iter().map(|inode| (*inode, owner.clone())).collect())
        }
    }

    fn unit(invocation: &str) -> Unit {
        Unit {
            load_state: Load::Loaded,
            active_state: Active::Active,
            sub_state: String::new(),
            result: String::new(),
            main_pid: Some(1),
            invocation_id: Some(invocation.to_owned()),
            unit_file_state: String::new(),
            end: None,
            was_skipped: false,
            control_group: None,
        }
    }

    fn look(identity: &mut AnswererIdentity, address: SocketAddr, invocation: &str, check: &Check) -> Answerer {
        let now = AnswererIdentity::read_sockets(address.port());
        identity.identify((&now, &now), &[address], Some(&unit(invocation)), address.port(), check)
    }

    #[test]
    fn runs_no_check_until_the_socket_or_the_unit_run_changes() {
        // No other test uses this address, so the port stays free until it is bound again.
        let listener = TcpListener::bind("127.0.0.83:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mut identity, check) = (AnswererIdentity::default(), Check::with_owner(Some(SocketOwner::GatewayUnit)));
        for _ in 0..3 {
            assert_eq!(look(&mut identity, address, "1", &check), Answerer::Unit);
        }
        assert_eq!(*check.asked.borrow(), 1, "nothing is run while nothing changes");
        assert_eq!(look(&mut identity, address, "2", &check), Answerer::Unit);
        assert_eq!(*check.asked.borrow(), 2, "the unit was restarted");
        drop(listener);
        *check.owner.borrow_mut() = Some(SocketOwner::OtherProcess("process 7 (python3) of user openclaw".to_owned()));
        let _squatter = TcpListener::bind(address).unwrap();
        assert!(!identity.is_known(&AnswererIdentity::read_sockets(address.port()), &[address]));
        let why =
            format!("port {} is held by process 7 (python3) of user openclaw, not by openclaw.service", address.port());
        assert_eq!(look(&mut identity, address, "2", &check), Answerer::Other(why.clone()));
        assert_eq!(look(&mut identity, address, "2", &check), Answerer::Other(why));
        assert_eq!(*check.asked.borrow(), 3, "a foreign socket is not asked for again at once");
    }

    #[test]
    fn an_answer_during_a_change_of_sockets_is_not_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mut identity, check) = (AnswererIdentity::default(), Check::with_owner(Some(SocketOwner::GatewayUnit)));
        let (before, now) = (Some(Vec::new()), AnswererIdentity::read_sockets(address.port()));
        let port = address.port();
        let answerer = identity.identify((&before, &now), &[address], Some(&unit("1")), port, &check);
        assert_eq!((answerer, *check.asked.borrow()), (Answerer::Pending, 0));
    }

    #[test]
    fn reports_a_failed_check_after_a_second_try_and_a_pause() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mut identity, check) = (AnswererIdentity::default(), Check::with_owner(None));
        for _ in 0..3 {
            assert_eq!(look(&mut identity, address, "1", &check), Answerer::Pending);
        }
        assert_eq!(*check.asked.borrow(), 1, "the next one waits");
        // As if the pause had passed.
        identity.last_check.as_mut().unwrap().at = Instant::now().checked_sub(FIRST_RETRY_PAUSE).unwrap();
        assert_eq!(
            look(&mut identity, address, "1", &check),
            Answerer::Unverified(GatewayCheckError::NoReport.to_string())
        );
        assert_eq!(*check.asked.borrow(), 2);
    }

    #[test]
    fn requires_every_accepting_socket_to_be_the_units() {
        let owners = [
            (1, SocketOwner::GatewayUnit),
            (2, SocketOwner::OtherProcess("x".to_owned())),
            (3, SocketOwner::Unknown("y".to_owned())),
        ];
        let by = |inodes: &[u64]| judge_owners(inodes, &owners, 9, "u");
        assert_eq!(by(&[1]), Answerer::Unit);
        assert_eq!(by(&[3, 2, 1]), Answerer::Other("port 9 is held by x, not by u".to_owned()));
        assert_eq!(by(&[1, 3]), Answerer::Unverified("y".to_owned()));
        assert!(matches!(by(&[1, 4]), Answerer::Unverified(_)), "one that the check has not seen");
    }
}
