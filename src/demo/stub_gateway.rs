//! Stub gateway that only answers OpenClaw's health endpoints.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process;
use std::time::Duration;

use crate::os::spawn;

/// Size limit of a request, in bytes; a probe's is shorter.
const REQUEST_SIZE_LIMIT: usize = 4096;

/// Read and write timeout of a client.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves until standard input ends, which happens when the parent process ends.
pub(crate) fn serve(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    io::stdout().write_all(b"\n")?;
    spawn("parent", || {
        // End of input and an error both mean that the parent process is gone.
        let _ = io::stdin().read(&mut [0; 1]);
        process::exit(0);
    })?;
    for client in listener.incoming() {
        if let Err(why) = client.and_then(answer_request) {
            log::debug!("a client disconnected: {why}");
        }
    }
    Ok(())
}

fn answer_request(mut client: TcpStream) -> io::Result<()> {
    client.set_read_timeout(Some(CLIENT_TIMEOUT))?;
    client.set_write_timeout(Some(CLIENT_TIMEOUT))?;
    let mut request = [0; REQUEST_SIZE_LIMIT];
    let length = client.read(&mut request)?;
    let path = request.get(..length).unwrap_or_default().split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let (kind, body) = match path {
        b"/startupz" => ("application/json", r#"{"ok":true,"status":"started"}"#),
        b"/healthz" | b"/health" => ("application/json", r#"{"ok":true,"status":"live"}"#),
        b"/readyz" => ("application/json", r#"{"ready":true,"failing":[],"suppressed":[]}"#),
        // Like OpenClaw, it has a page for every other path.
        _ => ("text/html", "<!doctype html><title>Control UI</title>"),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    client.write_all(head.as_bytes())?;
    client.write_all(body.as_bytes())
}
