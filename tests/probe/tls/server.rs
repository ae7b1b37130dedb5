//! TLS servers for tests.
//!
//! The certificates here are valid for a hundred years: `gateway.pem` for 127.0.0.1 and localhost, `elsewhere.pem` for
//! another name, both for `gateway.key` and signed by `authority.pem`, whose key is gone. `openclaw.pem`, for
//! `openclaw.key`, is like OpenClaw's own: self-signed, marked as an authority's, without a host name.
//! `own.pem`, `expired.pem` and `future.pem` are self-signed for 127.0.0.1 and localhost, marked as a server's, and for
//! `gateway.key`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Reads a file of this directory.
pub(crate) fn certificate_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe/tls").join(name)
}

/// Returns the TLS configuration of a server with this certificate.
pub(crate) fn server_config(certificate: &str) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(certificate_path(certificate)).unwrap()];
    let key = if certificate == "openclaw.pem" { "openclaw.key" } else { "gateway.key" };
    let key = PrivateKeyDer::from_pem_file(certificate_path(key)).unwrap();
    let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}
