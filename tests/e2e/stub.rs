//! Stub of the primary's gateway with answers set by the test. It records when it last looked healthy.
//!
//! It runs in the process of the test. The primary's systemd listens on the gateway's port and passes connections on
//! through a socket in the lab's shared directory.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::host::Host;
use crate::shell::{secs, unix_now};

const SOCKET: &str = "[Socket]\nListenStream=18789\n";
const SERVICE: &str = "[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd /opt/shared/stub.sock\n";

/// Answer of the stub to every request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StubAnswer {
    /// Answer of a started gateway.
    Started,
    /// HTTP 500.
    Error,
    /// 200 with an HTML page, like the Control UI.
    Page,
}

/// Running stub.
#[derive(Clone)]
pub(crate) struct Stub(Arc<Mutex<State>>);

struct State {
    says: StubAnswer,
    last_life: f64,
}

impl Stub {
    /// Starts to answer on the gateway port of `primary`.
    pub(crate) fn start(primary: &Host, shared: &Path) -> Self {
        let stub = Self(Arc::new(Mutex::new(State { says: StubAnswer::Started, last_life: 0.0 })));
        let listener = UnixListener::bind(shared.join("stub.sock")).expect("the stub can listen");
        let answering = stub.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let stub = answering.clone();
                thread::spawn(move || stub.answer(connection));
            }
        });
        primary.run(&format!(
            "printf '{SOCKET}' > /run/systemd/system/stub.socket; \
             printf '{SERVICE}' > /run/systemd/system/stub.service; \
             systemctl daemon-reload; systemctl start stub.socket"
        ));
        stub
    }

    /// Changes the answer.
    pub(crate) fn set_answer(&self, says: StubAnswer) {
        self.0.lock().unwrap().says = says;
    }

    /// Returns when the stub last looked healthy to a client, in seconds since 1970.
    pub(crate) fn last_healthy_at(&self) -> f64 {
        self.0.lock().unwrap().last_life
    }

    fn answer(&self, mut connection: UnixStream) {
        connection.set_read_timeout(Some(secs(10))).expect("a deadline can be set");
        let request = BufReader::new(connection.try_clone().expect("a socket can be shared"));
        let heard = request.lines().map_while(Result::ok).any(|line| line.is_empty());
        if !heard {
            return;
        }
        let mut state = self.0.lock().unwrap();
        let (status, kind, body) = match state.says {
            StubAnswer::Started => ("200 OK", "application/json", r#"{"ok":true,"status":"started"}"#),
            StubAnswer::Error => ("500 Internal Server Error", "text/plain", "out of order"),
            StubAnswer::Page => ("200 OK", "text/html", "<!doctype html><title>OpenClaw</title>"),
        };
        if matches!(state.says, StubAnswer::Started) {
            state.last_life = unix_now();
        }
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n");
        // The client may have closed the connection.
        let _ = write!(connection, "{head}Connection: close\r\n\r\n{body}");
    }
}
