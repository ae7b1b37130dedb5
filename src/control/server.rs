//! Server of the control socket: one thread, with a bounded number of clients and a time limit for each.
//!
//! A client that sends nothing keeps its slot until a time limit, which is short while other clients wait. A client
//! that does not read its response costs nothing: the kernel buffers it at once or never. So any number of clients
//! costs some file descriptors and a bounded share of one thread, and the next client is served soon.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::control::{ControlResponse, MAX_REQUEST_BYTES, Refusal, Request};
use crate::os::spawn;

/// Limit on concurrent clients; further ones wait in the kernel's queue.
const MAX_CLIENTS: usize = 64;

/// Time limit for sending the request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// Time limit for sending the request while every slot is taken.
const REQUEST_TIMEOUT_WHEN_FULL: Duration = Duration::from_millis(100);

/// Interval at which clients with an incomplete request are polled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Limit on responses per poll, so that a flood of requests gets a bounded share of the monitor's time.
const MAX_RESPONSES_PER_POLL: usize = 8;

/// Least time between two orders. Each is written to disk twice.
const MIN_ORDER_INTERVAL: Duration = Duration::from_millis(100);

/// Handler in the monitor.
pub type RequestHandler = Box<dyn Fn(&Request) -> Result<ControlResponse, Refusal> + Send>;

/// Listens at `path`, replacing an existing socket, until the process ends. The socket is for its owner and group,
/// whatever the umask.
///
/// # Errors
/// Returns an error if the socket or its thread cannot be created.
pub fn serve(path: &Path, decide: RequestHandler) -> io::Result<()> {
    // The socket has another name until its mode is set, so that no other user can connect before.
    let temporary_path = path.with_extension("sock.new");
    let _ = fs::remove_file(&temporary_path);
    let listener = UnixListener::bind(&temporary_path)?;
    fs::set_permissions(&temporary_path, Permissions::from_mode(0o660))?;
    fs::rename(&temporary_path, path)?;
    let server = ControlServer { listener, handler: decide, clients: Vec::new(), last_order_at: None };
    spawn("control", move || server.run())?;
    Ok(())
}

struct ControlServer {
    listener: UnixListener,
    handler: RequestHandler,
    clients: Vec<Client>,
    /// Time of the last order.
    last_order_at: Option<Instant>,
}

/// Client without a response yet.
struct Client {
    stream: UnixStream,
    connected_at: Instant,
    received: Vec<u8>,
    /// Parsed request, once the line is complete.
    request: Option<Request>,
}

impl ControlServer {
    fn run(mut self) {
        loop {
            if let Err(why) = self.accept_clients() {
                log::debug!("cannot accept a client on the control socket: {why}");
                thread::sleep(REQUEST_TIMEOUT_WHEN_FULL);
            }
            self.poll_clients();
            if !self.clients.is_empty() {
                thread::sleep(POLL_INTERVAL);
            }
        }
    }

    /// Waits for a client if there is none, then accepts waiting clients while there are slots.
    fn accept_clients(&mut self) -> io::Result<()> {
        while self.clients.len() < MAX_CLIENTS {
            self.listener.set_nonblocking(!self.clients.is_empty())?;
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    self.clients.push(Client {
                        stream,
                        connected_at: Instant::now(),
                        received: Vec::new(),
                        request: None,
                    });
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// Polls each client, responds to complete requests, and drops clients that are over the time limit.
    fn poll_clients(&mut self) {
        let request_timeout =
            if self.clients.len() < MAX_CLIENTS { REQUEST_TIMEOUT } else { REQUEST_TIMEOUT_WHEN_FULL };
        let (decide, ordered, mut answers) = (&self.handler, &mut self.last_order_at, 0);
        self.clients.retain_mut(|client| {
            let waited = client.connected_at.elapsed();
            let answer = match client.read_request() {
                Err(why) => Err(why),
                Ok(Some(request)) => {
                    let order = request.changes_state();
                    let is_early = order && ordered.is_some_and(|at| at.elapsed() < MIN_ORDER_INTERVAL);
                    if answers < MAX_RESPONSES_PER_POLL && !is_early {
                        answers += 1;
                        *ordered = if order { Some(Instant::now()) } else { *ordered };
                        decide(request)
                    } else if waited < REQUEST_TIMEOUT {
                        return true;
                    } else {
                        Err("too many requests at once; try again".into())
                    }
                }
                Ok(None) if waited < request_timeout => return true,
                Ok(None) => Err("the request did not arrive in time".into()),
            };
            let answer = answer.map_or_else(|refusal| refusal.to_line(), |response| response.to_line());
            // The response is written at once or dropped: a client that does not read is not waited for.
            let _ = client.stream.write_all(format!("{answer}\n").as_bytes());
            false
        });
    }
}

impl Client {
    /// Reads what has arrived. Returns the request once its line is complete.
    fn read_request(&mut self) -> Result<Option<&Request>, Refusal> {
        let mut buffer = [0; MAX_REQUEST_BYTES];
        while self.request.is_none() {
            let read = match self.stream.read(&mut buffer) {
                Ok(0) => return Err("the request is incomplete".into()),
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(why) => return Err(why.to_string().into()),
            };
            self.received.extend_from_slice(read);
            if let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
                self.request = Some(Request::parse(self.received.get(..end).unwrap_or_default())?);
            } else if self.received.len() >= MAX_REQUEST_BYTES {
                return Err("the request is too long".into());
            }
        }
        Ok(self.request.as_ref())
    }
}
