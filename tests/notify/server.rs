//! Webhook server that records each request and answers as a test scripts it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use openclaw_failover::text::json::{self, Node};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::tls::{certificate_path, server_config};

/// Generous, for busy machines.
pub(crate) const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// Received request.
#[derive(Debug)]
pub(crate) struct ReceivedRequest {
    /// Time of its arrival at the server.
    pub(crate) received_at: Instant,
    /// Method and path.
    pub(crate) line: String,
    /// Headers, with names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl ReceivedRequest {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Node {
        json::parse(&self.body).unwrap()
    }

    pub(crate) fn text(&self, key: &str) -> String {
        self.json().get(key).and_then(|field| field.as_str()).unwrap_or_default().to_owned()
    }
}

/// Response: status line without its version, further headers, and a body.
type ScriptedResponse = Arc<Mutex<(String, String)>>;

/// Body that every format accepts.
const ACCEPTED_BODY: &str = r#"{"ok":true,"id":"sPs71M8A2T"}"#;

pub(crate) struct WebhookServer {
    pub(crate) address: SocketAddr,
    says: ScriptedResponse,
    requests: Receiver<ReceivedRequest>,
}

impl WebhookServer {
    /// Accepts every request.
    pub(crate) fn start() -> Self {
        Self::at("127.0.0.1:0", None)
    }

    /// Accepts every request over TLS, with a certificate of [`authority`].
    pub(crate) fn start_tls() -> Self {
        Self::at("127.0.0.1:0", Some(server_config("gateway.pem")))
    }

    pub(crate) fn at(address: &str, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let says: ScriptedResponse = Arc::new(Mutex::new(("200 OK".to_owned(), ACCEPTED_BODY.to_owned())));
        let (sender, requests) = mpsc::channel();
        let told = Arc::clone(&says);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let says = told.lock().unwrap().clone();
                let served = match &tls {
                    None => serve(&mut { stream }, &says),
                    Some(config) => serve_tls(config, stream, &says),
                };
                // A client that hangs up sent no request.
                if served.is_ok_and(|request| sender.send(request).is_err()) {
                    return;
                }
            }
        });
        Self { address, says, requests }
    }

    /// Answers with this status from now on; with a valid body if it is a success.
    pub(crate) fn respond(&self, status: &str) {
        self.respond_with(status, if status.starts_with("200") { ACCEPTED_BODY } else { "" });
    }

    pub(crate) fn respond_with(&self, status: &str, body: &str) {
        *self.says.lock().unwrap() = (status.to_owned(), body.to_owned());
    }

    pub(crate) fn next_request(&self) -> ReceivedRequest {
        self.requests.recv_timeout(WAIT_LIMIT).unwrap()
    }

    /// True if no request arrives for this long.
    pub(crate) fn is_quiet(&self, during: Duration) -> bool {
        matches!(self.requests.recv_timeout(during), Err(RecvTimeoutError::Timeout))
    }
}

/// Returns the private authority that signed the server's certificate.
pub(crate) fn authority() -> PathBuf {
    certificate_path("authority.pem")
}

fn serve_tls(config: &Arc<ServerConfig>, stream: TcpStream, says: &(String, String)) -> io::Result<ReceivedRequest> {
    let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    serve(&mut StreamOwned::new(tls, stream), says)
}

fn serve(stream: &mut (impl Read + Write), (says, answer): &(String, String)) -> io::Result<ReceivedRequest> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let received_at = Instant::now();
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let length = answer.len();
    write!(stream, "HTTP/1.1 {says}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}")?;
    stream.flush()?;
    Ok(ReceivedRequest { received_at, line, headers, body: String::from_utf8(body).unwrap() })
}
