//! Plain words for errors of the network and of TLS, in place of the libraries' own.

use std::io;

use crate::host::without_error_numbers;

/// Quotes the system's words about a connection, without the error number.
pub(super) fn network_words(error: &io::Error) -> String {
    plain_words(&error.to_string())
}

/// Quotes the resolver's words about a name, without what the standard library puts before them.
pub(super) fn lookup_words(error: &io::Error) -> String {
    let text = error.to_string();
    plain_words(text.strip_prefix("failed to lookup address information: ").unwrap_or(&text))
}

fn plain_words(text: &str) -> String {
    let words = without_error_numbers(text).into_owned();
    let mut letters = words.chars();
    // The system begins with a capital, and here it goes on after a colon.
    letters.next().map_or(words.clone(), |first| first.to_lowercase().chain(letters).collect())
}

/// Explains a TLS error. ureq does not export the types of rustls, so only the text can be read.
pub(super) fn tls_words(text: &str) -> String {
    match text.split_once("invalid peer certificate: ") {
        Some((_, what)) => certificate_words(what),
        None => connection_words(text),
    }
}

fn certificate_words(what: &str) -> String {
    let is = |names: &[&str]| names.iter().any(|name| what.contains(name));
    if is(&["CaUsedAsEndEntity"]) {
        "the certificate is self-signed and marked as an authority's, as OpenClaw makes it, and cannot be verified; \
         use http in the tailnet, or a certificate with this host in its names"
            .to_owned()
    } else if is(&["UnknownIssuer"]) {
        "the certificate is self-signed, or signed by an authority that is not trusted here; name the authority's \
         certificate in ca_file"
            .to_owned()
    } else if is(&["not valid yet", "NotValidYet"]) {
        format!("the certificate is not valid yet{}; compare the clocks of both hosts", days(what, "in future"))
    } else if is(&["expired", "Expired"]) {
        format!("the certificate has expired{}; renew it there", days(what, "ago"))
    } else if is(&["not valid for name", "NotValidForName"]) {
        match names(what).as_str() {
            "" => "the certificate holds no name of a host (subjectAltName)".to_owned(),
            names => format!("the certificate is for other names: {names}"),
        }
    } else if is(&["Revoked"]) {
        "the certificate has been revoked".to_owned()
    } else if is(&["extended key usage", "InvalidPurpose"]) {
        "the certificate is not for servers (extended key usage)".to_owned()
    } else if is(&["BadSignature", "UnsupportedSignature"]) {
        "the certificate's signature is wrong, or of an unsupported kind".to_owned()
    } else {
        "the certificate cannot be read: it is damaged, or older than X.509 version 3".to_owned()
    }
}

fn connection_words(text: &str) -> String {
    if let Some((_, alert)) = text.split_once("received fatal alert: ") {
        return format!("the server refuses the TLS connection: {}", camel_words(alert));
    }
    let words = if text.contains("corrupt message") {
        "the server does not speak TLS; write http:// if that is meant"
    } else if text.contains("peer is incompatible") {
        "the server speaks no version of TLS from 1.2 up, or no cipher that is known here"
    } else if text.contains("peer sent no certificates") {
        "the server shows no certificate"
    } else {
        "the TLS connection broke off during its handshake"
    };
    words.to_owned()
}

/// ` 12 days ago`, where the text says how many seconds.
fn days(what: &str, direction: &str) -> String {
    let seconds = what.rsplit_once(" seconds ").and_then(|(before, _)| before.rsplit_once('(')?.1.parse::<u64>().ok());
    let direction = if direction == "ago" { "ago" } else { "from now" };
    match seconds.map(|seconds| seconds / 86_400) {
        Some(0) => " (by less than a day)".to_owned(),
        Some(1) => format!(" (1 day {direction})"),
        Some(days) => format!(" ({days} days {direction})"),
        None => String::new(),
    }
}

/// The names of a certificate, from text such as `is only valid for DnsName("claw.example")`.
fn names(what: &str) -> String {
    let Some((_, list)) = what.split_once("only valid for ") else { return String::new() };
    let bare = |name: &str| {
        let name = name.split_once('(').map_or(name, |(_, name)| name);
        name.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '*').to_owned()
    };
    let names: Vec<String> =
        list.split([',', ' ']).map(bare).filter(|name| !matches!(name.as_str(), "" | "or")).collect();
    names.join(", ")
}

/// `handshake failure`, of `HandshakeFailure`.
fn camel_words(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars().take_while(char::is_ascii_alphanumeric) {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_errors_are_told_in_plain_words() {
        for (text, words) in [
            ("invalid peer certificate: UnknownIssuer", "not trusted here"),
            ("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "as OpenClaw makes it"),
            ("invalid peer certificate: Expired", "has expired; renew"),
            (
                "invalid peer certificate: certificate expired: verification time 9 (UNIX), but certificate is not \
                 valid after 1 (172801 seconds ago)",
                "has expired (2 days ago)",
            ),
            (
                "invalid peer certificate: certificate not valid yet: verification time 9 (UNIX), but certificate is \
                 not valid before 1 (86400 seconds in future)",
                "not valid yet (1 day from now); compare the clocks",
            ),
            (
                "invalid peer certificate: certificate not valid for name \"127.0.0.1\"; certificate is only valid for \
                 DnsName(\"claw.example\"), DnsName(\"*.example\") or IpAddress(10.0.0.1)",
                "is for other names: claw.example, *.example, 10.0.0.1",
            ),
            (
                "invalid peer certificate: certificate not valid for name \"x\"; certificate is not valid for any \
                 names (according to its subjectAltName extension)",
                "holds no name of a host",
            ),
            ("invalid peer certificate: Other(OtherError(UnsupportedCertVersion))", "X.509 version 3"),
            ("received fatal alert: HandshakeFailure", "refuses the TLS connection: handshake failure"),
            ("received corrupt message of type InvalidContentType", "does not speak TLS"),
            ("peer is incompatible: NoCipherSuitesInCommon", "no cipher"),
            ("tls handshake eof", "broke off"),
        ] {
            let told = tls_words(text);
            assert!(told.contains(words), "{text}: {told}");
            for raw in ["UnknownIssuer", "CaUsed", "Other(", "Expired", "UNIX", "DnsName", "HandshakeFailure"] {
                assert!(!told.contains(raw), "{told}");
            }
        }
    }

    #[test]
    fn the_system_is_quoted_without_its_number() {
        assert_eq!(network_words(&io::Error::from_raw_os_error(111)), "connection refused");
        assert_eq!(network_words(&io::Error::other("")), "");
        let unknown = io::Error::other("failed to lookup address information: Name or service not known");
        assert_eq!(lookup_words(&unknown), "name or service not known");
    }
}
