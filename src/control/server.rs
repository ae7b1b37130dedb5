//! The monitor's side: one thread, a bounded number of seats, and a clock for each.
//!
//! A client that says nothing keeps a seat for a while, and for a moment only when others wait for one. A client that
//! does not read its answer costs nothing: the kernel takes the answer at once or never. So a thousand clients, however
//! they behave, cost some file descriptors and a bounded share of one thread, and the next one is served soon.

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

/// So many clients are listened to at once; the others wait in the kernel's queue.
const SEATS: usize = 64;

/// How long a client may take to say what it wants…
const PATIENCE: Duration = Duration::from_secs(2);

/// …and how long when every seat is taken.
const HURRY: Duration = Duration::from_millis(100);

/// How often clients that have not said everything are looked at.
const TICK: Duration = Duration::from_millis(20);

/// So many requests are answered in one tick: whoever asks without end gets a bounded share of the monitor's time.
const ANSWERS: usize = 8;

/// The least time between two orders. Each is written to the disk, twice.
const ORDERS: Duration = Duration::from_millis(100);

/// Has the monitor decide: what it answers is sent as it is, an error as a refusal.
pub type Decide = Box<dyn Fn(&Request) -> Result<String, String> + Send>;

/// Listens at `path`, in place of whatever was there, from now on and as long as the process lives. The socket is for
/// its owner and group, whatever the umask.
///
/// # Errors
/// When the socket cannot be made, or there is no thread for it.
pub fn serve(path: &Path, decide: Decide) -> io::Result<()> {
    // Under another name until its mode is right, so that nobody connects who may not.
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
    /// When the last order was taken.
    ordered: Option<Instant>,
}

/// Somebody who has not been answered yet.
struct Client {
    stream: UnixStream,
    since: Instant,
    heard: Vec<u8>,
    /// What it wants, once its line is complete.
    wants: Option<Request>,
}

impl Room {
    fn run(mut self) {
        loop {
            if let Err(why) = self.admit() {
                log::debug!("the control socket takes nobody in: {why}");
                thread::sleep(HURRY);
            }
            self.attend();
            if !self.clients.is_empty() {
                thread::sleep(TICK);
            }
        }
    }

    /// Waits for a client while there is none, then takes in whoever waits as long as there are seats.
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

    /// Listens to each client, answers those whose turn it is, and sees off those who take too long.
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
                        refusal("too much is asked of the monitor at once; try again")
                    }
                }
                Ok(None) if waited < patience => return true,
                Ok(None) => refusal("the request did not come in time"),
            };
            // All of it or nothing: whoever does not read is not waited for.
            let _ = client.stream.write_all(format!("{answer}\n").as_bytes());
            false
        });
    }
}

impl Client {
    /// Reads what has come of its line, and answers with what it wants once all of it is there.
    fn wants(&mut self) -> Result<Option<&Request>, String> {
        let mut room = [0; LONGEST_REQUEST];
        while self.wants.is_none() {
            let read = match self.stream.read(&mut room) {
                Ok(0) => return Err("the request has no end".to_owned()),
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
