//! Identity of the process that answers on the gateway's port.
//!
//! The proof is a pair: the run of the unit, by its `InvocationID`, and the numbers of the sockets that may take a
//! connection to the gateway's address. The monitor reads the numbers itself, without a child; to which process they
//! belong, only the gateway's own user can tell, by way of [`Identify::identify`]. As long as the pair stays the same
//! nothing is run again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::backend::Identify;
use crate::check::Owner;
use crate::failover::Answerer;
use crate::host::systemd::Unit;
use crate::host::{Listener, listeners, takers};

/// The pause after a check that brought no proof; it doubles with each up to the second.
const RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// The longest pause where the sockets have changed meanwhile.
const LONGEST_RETRY_ON_CHANGE: Duration = Duration::from_secs(8);

/// The number of failed checks in a row at which the failure is told.
const FAILURES: u32 = 2;

/// The sockets that listen on one port at one moment.
pub(super) type Snapshot = Option<Vec<Listener>>;

/// Keeps what was proved last.
#[derive(Default)]
pub(super) struct Identity {
    invocation: Option<String>,
    last: Option<Judgement>,
    /// Checks in a row that brought no proof.
    unproved: u32,
}

/// The result of the last check.
struct Judgement {
    invocation: Option<String>,
    inodes: Vec<u64>,
    answerer: Answerer,
    at: Instant,
}

impl Identity {
    /// Reads which sockets listen on `port`. It is read before and after each look, so that an answer is never credited
    /// to a socket that has just taken the place of another.
    pub(super) fn snapshot(port: u16) -> Snapshot {
        listeners(port).ok()
    }

    /// True if it is known whose the sockets are that listen now, so that nothing has to be run to find out.
    pub(super) fn is_known(&self, now: &Snapshot, addresses: &[SocketAddr]) -> bool {
        let inodes = inodes(now, addresses);
        self.last.as_ref().is_some_and(|last| self.is_current(last, &inodes) && !self.is_due_again(last))
    }

    fn is_current(&self, last: &Judgement, inodes: &[u64]) -> bool {
        last.inodes == inodes && last.invocation == self.invocation
    }

    /// True if a judgement that is no proof is old enough for another check.
    fn is_due_again(&self, last: &Judgement) -> bool {
        last.answerer != Answerer::Unit && last.at.elapsed() >= self.pause(LONGEST_RETRY)
    }

    /// Tells who answers at `addresses`. Asks the backend where that is neither known nor was asked just now.
    pub(super) fn identify(
        &mut self,
        (before, now): (&Snapshot, &Snapshot),
        addresses: &[SocketAddr],
        unit: Option<&Unit>,
        port: u16,
        check: &dyn Identify,
    ) -> Answerer {
        if let Some(unit) = unit {
            self.invocation.clone_from(&unit.invocation);
        }
        let inodes = inodes(now, addresses);
        if before != now || unit.is_some_and(Unit::is_down) {
            return Answerer::Pending;
        }
        if let Some(last) = &self.last {
            let is_same = self.is_current(last, &inodes);
            if is_same && !self.is_due_again(last) {
                return last.answerer.clone();
            }
            if !is_same && last.at.elapsed() < self.pause(LONGEST_RETRY_ON_CHANGE) {
                return Answerer::Pending;
            }
        }
        let answerer = match now {
            Some(_) => ask(&inodes, port, check),
            None => Answerer::Unverified("/proc/net/tcp cannot be read".to_owned()),
        };
        self.unproved = if answerer == Answerer::Unit { 0 } else { self.unproved.saturating_add(1) };
        // The second failure in a row is told; the first may be a host under load.
        let is_told = self.unproved >= FAILURES || !matches!(answerer, Answerer::Unverified(_));
        let answerer = if is_told { answerer } else { Answerer::Pending };
        let (invocation, at) = (self.invocation.clone(), Instant::now());
        self.last = Some(Judgement { invocation, inodes, answerer: answerer.clone(), at });
        answerer
    }

    /// The pause before the next check.
    fn pause(&self, longest: Duration) -> Duration {
        match self.unproved.checked_sub(1) {
            None => Duration::ZERO,
            Some(before) => RETRY.saturating_mul(1 << before.min(10)).min(longest),
        }
    }
}

fn ask(inodes: &[u64], port: u16, check: &dyn Identify) -> Answerer {
    if inodes.is_empty() {
        let why = format!("no process of this host listens on port {port}, so something else forwards it");
        return Answerer::Unverified(why);
    }
    match check.identify(inodes) {
        Ok(owners) => judge(inodes, &owners, port, check.gateway()),
        Err(why) => Answerer::Unverified(why),
    }
}

/// Every socket must be the unit's: with several the kernel chooses.
fn judge(inodes: &[u64], owners: &[(u64, Owner)], port: u16, unit: &str) -> Answerer {
    let mut unknown = None;
    for inode in inodes {
        match owners.iter().find(|(known, _)| known == inode).map(|(_, owner)| owner) {
            Some(Owner::Unit) => {}
            Some(Owner::Other(holder)) => {
                return Answerer::Other(format!("port {port} is held by {holder}, not by {unit}"));
            }
            Some(Owner::Unknown(why)) => unknown = Some(why.clone()),
            None => unknown = Some(format!("the socket on port {port} was replaced meanwhile")),
        }
    }
    unknown.map_or(Answerer::Unit, Answerer::Unverified)
}

/// The numbers of the sockets that may take a connection to any of the addresses.
fn inodes(now: &Snapshot, addresses: &[SocketAddr]) -> Vec<u64> {
    let listening = now.as_deref().unwrap_or_default();
    let taking = addresses.iter().flat_map(|address| takers(listening, *address));
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
    use crate::host::systemd::{Active, Load};

    /// Tells whose the sockets are, and counts how often it is asked.
    struct Check {
        owner: RefCell<Result<Owner, String>>,
        asked: RefCell<usize>,
    }

    impl Check {
        fn saying(owner: Result<Owner, String>) -> Self {
            Self { owner: RefCell::new(owner), asked: RefCell::new(0) }
        }
    }

    impl Identify for Check {
        fn gateway(&self) -> &str {
            "openclaw.service"
        }

        fn identify(&self, inodes: &[u64]) -> Result<Vec<(u64, Owner)>, String> {
            *self.asked.borrow_mut() += 1;
            let owner = self.owner.borrow().clone()?;
            Ok(inodes.iter().map(|inode| (*inode, owner.clone())).collect())
        }
    }

    fn unit(invocation: &str) -> Unit {
        Unit {
            load: Load::Loaded,
            active: Active::Active,
            sub: String::new(),
            result: String::new(),
            main_pid: Some(1),
            invocation: Some(invocation.to_owned()),
            file: String::new(),
            end: None,
            was_skipped: false,
            control_group: None,
        }
    }

    fn look(identity: &mut Identity, address: SocketAddr, invocation: &str, check: &Check) -> Answerer {
        let now = Identity::snapshot(address.port());
        identity.identify((&now, &now), &[address], Some(&unit(invocation)), address.port(), check)
    }

    #[test]
    fn a_proof_holds_until_the_socket_or_the_run_of_the_unit_is_another() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mut identity, check) = (Identity::default(), Check::saying(Ok(Owner::Unit)));
        for _ in 0..3 {
            assert_eq!(look(&mut identity, address, "1", &check), Answerer::Unit);
        }
        assert_eq!(*check.asked.borrow(), 1, "nothing is run while nothing changes");
        assert_eq!(look(&mut identity, address, "2", &check), Answerer::Unit);
        assert_eq!(*check.asked.borrow(), 2, "the unit was restarted");
        drop(listener);
        *check.owner.borrow_mut() = Ok(Owner::Other("process 7 (python3) of user openclaw".to_owned()));
        let _squatter = TcpListener::bind(address).unwrap();
        assert!(!identity.is_known(&Identity::snapshot(address.port()), &[address]));
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
        let (mut identity, check) = (Identity::default(), Check::saying(Ok(Owner::Unit)));
        let (before, now) = (Some(Vec::new()), Identity::snapshot(address.port()));
        let port = address.port();
        let answerer = identity.identify((&before, &now), &[address], Some(&unit("1")), port, &check);
        assert_eq!((answerer, *check.asked.borrow()), (Answerer::Pending, 0));
    }

    #[test]
    fn a_check_that_fails_is_tried_twice_before_it_is_told_and_never_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mut identity, check) = (Identity::default(), Check::saying(Err("masked".to_owned())));
        for _ in 0..3 {
            assert_eq!(look(&mut identity, address, "1", &check), Answerer::Pending);
        }
        assert_eq!(*check.asked.borrow(), 1, "the next one waits");
        // As if the pause had passed.
        identity.last.as_mut().unwrap().at = Instant::now().checked_sub(RETRY).unwrap();
        assert_eq!(look(&mut identity, address, "1", &check), Answerer::Unverified("masked".to_owned()));
        assert_eq!(*check.asked.borrow(), 2);
    }

    #[test]
    fn every_socket_that_may_take_the_connection_must_be_the_units() {
        let owners = [(1, Owner::Unit), (2, Owner::Other("x".to_owned())), (3, Owner::Unknown("y".to_owned()))];
        let by = |inodes: &[u64]| judge(inodes, &owners, 9, "u");
        assert_eq!(by(&[1]), Answerer::Unit);
        assert_eq!(by(&[3, 2, 1]), Answerer::Other("port 9 is held by x, not by u".to_owned()));
        assert_eq!(by(&[1, 3]), Answerer::Unverified("y".to_owned()));
        assert!(matches!(by(&[1, 4]), Answerer::Unverified(_)), "one that the check has not seen");
    }
}
