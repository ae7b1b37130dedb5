//! Server of the control socket: one thread, with a bounded number of clients and a time limit for each.
//!
//! A client that sends nothing keeps its slot until a time limit, which is short while other clients wait. A client
//! that does not read its response costs nothing: the kernel buffers it at once or never. So any number of clients
//! costs some file descriptors and a bounded share of one thread, and the next client is served soon.

use std::fs::{
    Permissions, {self},
};
use std::io::{
    ErrorKind, Read, Write, {self},
};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::control::answer::refusal;
use crate::control::{LONGEST_REQUEST, Request};
use crate::os::spawn;

/// Limit on concurrent clients; further ones wait in the kernel's queue.
const SEATS: usize = 64;

/// Time limit for sending the request.
const PATIENCE: Duration = Duration::from_secs(2);

/// Time limit for sending the request while every slot is taken.
const HURRY: Duration = Duration::from_millis(100);

/// Interval at which clients with an incomplete request are polled.
const TICK: Duration = Duration::from_millis(20);

/// Limit on responses per poll, so that a flood of requests gets a bounded share of the monitor's time.
const ANSWERS: usize = 8;

/// Least time between two orders. Each is written to disk twice.
const ORDERS: Duration = Duration::from_millis(100);

/// Handler in the monitor. Its `Ok` is sent as it is, its `Err` as a refusal.
pub type Decide = Box<dyn Fn(&Request) -> Result<String, String> + Send>;

/// Listens at `path`, replacing an existing socket, until the process ends. The socket is for its owner and group,
/// whatever the umask.
///
/// # Errors
/// Returns an error if the socket or its thread cannot be created.
pub fn serve(path: &Path, decide: Decide) -> io::Result<()> {
    // The socket has another name until its mode is set, so that no other user can connect before.
    let beside = path.with_extension("sock.new");
    let _ = fs::remove_file(&beside);
    let listener = UnixListener::bind(&beside)?;
    fs::set_permissions(&beside, Permissions::from_mode(0o660))?;
    fs::rename(&beside, path)?;
    let room = Room { listener, decide, clients: Vec::new(), ordered: None };
    spawn("control", move || room.run())?;
    Ok(())
}

struct Room {
    listener: UnixListener,
    decide: Decide,
    clients: Vec<Client>,
    /// Time of the last order.
    ordered: Option<Instant>,
}

/// Client without a response yet.
struct Client {
    stream: UnixStream,
    since: Instant,
    heard: Vec<u8>,
    /// Parsed request, once the line is complete.
    wants: Option<Request>,
}

impl Room {
    fn run(mut self) {
        loop {
            if let Err(why) = self.admit() {
                log::debug!("cannot accept a client on the control socket: {why}");
                thread::sleep(HURRY);
            }
            self.attend();
            if !self.clients.is_empty() {
                thread::sleep(TICK);
            }
        }
    }

    /// Waits for a client if there is none, then accepts waiting clients while there are slots.
    fn admit(&mut self) -> io::Result<()> {
        while self.clients.len() < SEATS {
            self.listener.set_nonblocking(!self.clients.is_empty())?;
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    self.clients.push(Client { stream, since: Instant::now(), heard: Vec::new(), wants: None });
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// Polls each client, responds to complete requests, and drops clients that are over the time limit.
    fn attend(&mut self) {
        let patience = if self.clients.len() < SEATS { PATIENCE } else { HURRY };
        let (decide, ordered, mut answers) = (&self.decide, &mut self.ordered, 0);
        self.clients.retain_mut(|client| {
            let waited = client.since.elapsed();
            let answer = match client.wants() {
                Err(why) => refusal(&why),
                Ok(Some(request)) => {
                    let order = request.is_order();
                    let is_early = order && ordered.is_some_and(|at| at.elapsed() < ORDERS);
                    if answers < ANSWERS && !is_early {
                        answers += 1;
                        *ordered = if order { Some(Instant::now()) } else { *ordered };
                        decide(request).unwrap_or_else(|why| refusal(&why))
                    } else if waited < PATIENCE {
                        return true;
                    } else {
                        refusal("too many requests at once; try again")
                    }
                }
                Ok(None) if waited < patience => return true,
                Ok(None) => refusal("the request did not arrive in time"),
            };
            // The response is written at once or dropped: a client that does not read is not waited for.
            let _ = client.stream.write_all(format!("{answer}\n").as_bytes());
            false
        });
    }
}

impl Client {
    /// Reads what has arrived. Returns the request once its line is complete.
    fn wants(&mut self) -> Result<Option<&Request>, String> {
        let mut room = [0; LONGEST_REQUEST];
        while self.wants.is_none() {
            let read = match self.stream.read(&mut room) {
                Ok(0) => return Err("the request is incomplete".to_owned()),
                Ok(read) => room.get(..read).unwrap_or_default(),
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(why) => return Err(why.to_string()),
            };
            self.heard.extend_from_slice(read);
            if let Some(end) = self.heard.iter().position(|&byte| byte == b'\n') {
                self.wants = Some(Request::parse(self.heard.get(..end).unwrap_or_default())?);
            } else if self.heard.len() >= LONGEST_REQUEST {
                return Err("the request is too long".to_owned());
            }
        }
        Ok(self.wants.as_ref())
    }
}
