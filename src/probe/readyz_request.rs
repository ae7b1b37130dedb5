//! Request of the gateway's channels.

use std::fmt;

/// Request of the gateway's channels from `/readyz`.
#[derive(Clone)]
pub enum ReadyzRequest {
    /// No request: without authentication a remote caller gets nothing but `ready`.
    Skip,
    /// Request without a token, to the gateway of this host, which shows the channels to local callers.
    Anonymous,
    /// Request with the gateway's token, which is sent only to the target's URLs.
    Token(String),
}

/// Omits the token.
impl fmt::Debug for ReadyzRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skip => "Skip",
            Self::Anonymous => "Anonymous",
            Self::Token(_) => "Token(…)",
        })
    }
}
