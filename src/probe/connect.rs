//! Connections of probes: new for every probe, limited in received bytes, with classified errors.

use std::io::ErrorKind;

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
};

use crate::probe::error::ProbeError;
use crate::probe::verdict::ProbeFailure;

/// Maximum size of a body, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Maximum size of the status line and all headers together, in bytes. ureq zeroes a buffer of this size for each
/// request. It also counts the headers: at most 128.
pub(super) const MAX_HEAD_BYTES: usize = 4 * 1024;

/// Maximum number of bytes received on one connection, TLS handshake included. Stops an endless `100 Continue` long
/// before the deadline.
const MAX_RECEIVED_BYTES: usize = MAX_HEAD_BYTES + MAX_BODY_BYTES + 48 * 1024;

/// First bytes of a TLS server's answer to plain HTTP: an alert record of TLS 1.x.
const TLS_ALERT: [u8; 2] = [0x15, 0x03];

/// Connector for TCP, with TLS for `https` URLs.
#[derive(Debug, Default)]
pub(super) struct ProbeConnector {
    tcp: TcpConnector,
    tls: RustlsConnector,
}

impl Connector for ProbeConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, _chained: Option<()>) -> Result<Option<Self::Out>, Error> {
        let tcp = self.tcp.connect(details, None::<()>).map_err(ProbeError::from_connect_error)?;
        let Some(transport) = tcp else {
            return Ok(None);
        };
        let metered = MeteredTransport { transport, received_bytes: 0, is_plain: !details.needs_tls() };
        if !details.needs_tls() {
            return Ok(Some(Box::new(metered)));
        }
        let tls = self.tls.connect(&agent_level(details), Some(metered)).map_err(ProbeError::from_handshake_error)?;
        Ok(tls.map(Transport::boxed))
    }
}

/// Marks the configuration as the agent's. Only timeouts are set by request, and ureq would build a TLS configuration,
/// with all root certificates, for each request that has a configuration of its own.
fn agent_level<'a>(details: &ConnectionDetails<'a>) -> ConnectionDetails<'a> {
    ConnectionDetails {
        uri: details.uri,
        addrs: details.addrs.clone(),
        config: details.config,
        request_level: false,
        resolver: details.resolver,
        now: details.now,
        timeout: details.timeout,
        current_time: details.current_time.clone(),
        run_connector: details.run_connector.clone(),
        register_shutdown: details.register_shutdown.clone(),
    }
}

/// Transport that counts received bytes.
#[derive(Debug)]
struct MeteredTransport<T> {
    transport: T,
    received_bytes: usize,
    /// True for a connection without TLS.
    is_plain: bool,
}

impl<T: Transport> MeteredTransport<T> {
    /// Classifies a connection that is closed before the first byte, as by a dying gateway or a forwarder without a
    /// server.
    fn classify_error(&self, error: Error) -> Error {
        match error {
            Error::Io(io) if self.received_bytes == 0 && is_closed(io.kind()) => {
                ProbeError::dropped_connection().into()
            }
            other => other,
        }
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::UnexpectedEof
    )
}

impl<T: Transport> Transport for MeteredTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let sent = self.transport.transmit_output(amount, timeout);
        sent.map_err(|error| self.classify_error(error))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let before = self.transport.buffers().input().len();
        let progress = self.transport.await_input(timeout).map_err(|error| self.classify_error(error))?;
        let after = self.transport.buffers().input().len();
        self.received_bytes += after.saturating_sub(before);
        if self.received_bytes == 0 {
            return Err(ProbeError::dropped_connection().into());
        }
        if before == 0 && self.is_plain && self.transport.buffers().input().starts_with(&TLS_ALERT) {
            return Err(ProbeError::unexpected_tls().into());
        }
        if self.received_bytes > MAX_RECEIVED_BYTES {
            let why = format!("more than {} KiB without an end", MAX_RECEIVED_BYTES / 1024);
            return Err(ProbeError::new(ProbeFailure::NotOpenClaw, why).into());
        }
        Ok(progress)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}
