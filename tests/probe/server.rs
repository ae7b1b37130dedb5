//! Server whose behaviour on each connection is given by the test.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Connection to a client.
pub(crate) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Handler that answers the request for one path.
type Handler = dyn Fn(&str, &mut dyn Stream) -> io::Result<()> + Send + Sync;

/// Server on a free port, stopped when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    heads: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    /// Reads each request's head, then lets `handler` answer and closes.
    pub(crate) fn start(handler: impl Fn(&str, &mut dyn Stream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::listen("127.0.0.1:0", None, Arc::new(handler))
    }

    /// Does the same on another address.
    pub(crate) fn start_at(
        address: &str,
        handler: impl Fn(&str, &mut dyn Stream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::listen(address, None, Arc::new(handler))
    }

    /// Does the same over TLS.
    pub(crate) fn start_tls(
        tls: Arc<ServerConfig>,
        handler: impl Fn(&str, &mut dyn Stream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::listen("127.0.0.1:0", Some(tls), Arc::new(handler))
    }

    /// Answers each listed path with a status and a body, all others with 404.
    pub(crate) fn with_paths(paths: &'static [(&'static str, u16, &'static str)]) -> Self {
        Self::start(move |path, stream| {
            let found = paths.iter().find(|(known, _, _)| *known == path);
            let (status, body) = found.map_or((404, ""), |(_, status, body)| (*status, *body));
            send_response(stream, status, body)
        })
    }

    /// Passes each connection to the handler.
    pub(crate) fn with_raw_handler(handler: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::accept("127.0.0.1:0", "http", Arc::default(), handler)
    }

    fn listen(address: &str, tls: Option<Arc<ServerConfig>>, handler: Arc<Handler>) -> Self {
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&heads);
        let scheme = if tls.is_some() { "https" } else { "http" };
        Self::accept(address, scheme, heads, move |stream| {
            // A client that closes the connection is no error here.
            let _ = match &tls {
                Some(config) => ServerConnection::new(Arc::clone(config))
                    .map_err(io::Error::other)
                    .and_then(|tls| serve_request(&mut StreamOwned::new(tls, stream), &seen, &*handler)),
                None => serve_request(&mut { stream }, &seen, &*handler),
            };
        })
    }

    fn accept(
        address: &str,
        scheme: &'static str,
        heads: Arc<Mutex<Vec<String>>>,
        handler: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let (stop, handler) = (Arc::clone(&stopped), Arc::new(handler));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let handler = Arc::clone(&handler);
                thread::spawn(move || handler(stream));
            }
        });
        Self { address, scheme, heads, stopped }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Returns the heads of all requests so far, in order of arrival.
    pub(crate) fn request_heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// Returns the paths of all requests so far.
    pub(crate) fn requested_paths(&self) -> Vec<String> {
        self.request_heads().iter().map(|head| request_path(head).to_owned()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener so that it notices the stop.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

fn serve_request(stream: &mut dyn Stream, heads: &Mutex<Vec<String>>, handler: &Handler) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let asked = request_path(&head).to_owned();
    heads.lock().unwrap().push(head);
    handler(&asked, stream)?;
    stream.flush()
}

fn request_path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

/// Builds a complete answer, with the content type HTML if the body looks like it.
pub(crate) fn send_response(stream: &mut dyn Stream, status: u16, body: &str) -> io::Result<()> {
    let kind = if body.starts_with('<') { "text/html; charset=utf-8" } else { "application/json" };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} Whatever\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Stays silent until the client closes the connection.
pub(crate) fn stay_silent(stream: &mut dyn Stream) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}

/// Writes `bytes` one at a time with a pause after each, in a loop.
pub(crate) fn send_slowly(stream: &mut dyn Stream, bytes: &[u8]) -> io::Result<()> {
    for byte in bytes.iter().cycle() {
        stream.write_all(&[*byte])?;
        stream.flush()?;
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
