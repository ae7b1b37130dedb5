//! Plain descriptions of network and TLS errors.

use std::io;

use crate::text::strip_error_numbers;

/// Describes a network error in the system's words, without the error number.
pub(super) fn describe_network_error(error: &io::Error) -> String {
    plain_words(&error.to_string())
}

/// Quotes the resolver's words about a name, without what the standard library puts before them.
pub(super) fn lookup_words(error: &io::Error) -> String {
    let text = error.to_string();
    plain_words(text.strip_prefix("failed to lookup address information: ").unwrap_or(&text))
}

fn plain_words(text: &str) -> String {
    let words = strip_error_numbers(text).into_owned();
    let mut letters = words.chars();
    // The text follows a colon, so its first letter becomes lower case.
    letters.next().map_or(words.clone(), |first| first.to_lowercase().chain(letters).collect())
}

/// Describes a TLS error. ureq does not export the types of rustls, so the text is parsed.
pub(super) fn describe_tls_error(text: &str) -> String {
    match text.split_once("invalid peer certificate: ") {
        Some((_, what)) => describe_certificate_error(what),
        None => describe_tls_connection_error(text),
    }
}

fn describe_certificate_error(what: &str) -> String {
    let is = |names: &[&str]| names.iter().any(|name| what.contains(name));
    if is(&["CaUsedAsEndEntity"]) {
        "the certificate is self-signed and marked as an authority's, as OpenClaw creates it, and cannot be verified; \
         use http in the tailnet, or a certificate with the host's name"
            .to_owned()
    } else if is(&["UnknownIssuer"]) {
        "the certificate is self-signed, or signed by an authority that is not trusted; name the authority's \
         certificate in ca_file"
            .to_owned()
    } else if is(&["not valid yet", "NotValidYet"]) {
        format!("the certificate is not valid yet{}; compare the clocks of both hosts", format_days(what, "in future"))
    } else if is(&["expired", "Expired"]) {
        format!("the certificate has expired{}; renew it on that host", format_days(what, "ago"))
    } else if is(&["not valid for name", "NotValidForName"]) {
        match certificate_names(what).as_str() {
            "" => "the certificate contains no host name (subjectAltName)".to_owned(),
            names => format!("the certificate is for other names: {names}"),
        }
    } else if is(&["Revoked"]) {
        "the certificate has been revoked".to_owned()
    } else if is(&["extended key usage", "InvalidPurpose"]) {
        "the certificate is not valid for servers (extended key usage)".to_owned()
    } else if is(&["BadSignature", "UnsupportedSignature"]) {
        "the certificate's signature is invalid or unsupported".to_owned()
    } else {
        "the certificate cannot be parsed: it is damaged, or older than X.509 version 3".to_owned()
    }
}

fn describe_tls_connection_error(text: &str) -> String {
    if let Some((_, alert)) = text.split_once("received fatal alert: ") {
        return format!("the server refuses the TLS connection: {}", split_camel_case(alert));
    }
    let words = if text.contains("corrupt message") {
        "the server does not speak TLS; write http:// for a server without TLS"
    } else if text.contains("peer is incompatible") {
        "the server supports neither TLS 1.2 nor 1.3, or no common cipher"
    } else if text.contains("peer sent no certificates") {
        "the server sends no certificate"
    } else {
        "the TLS connection broke off during its handshake"
    };
    words.to_owned()
}

/// Returns ` (12 days ago)`, or nothing if the text does not contain the seconds.
fn format_days(what: &str, direction: &str) -> String {
    let seconds = what.rsplit_once(" seconds ").and_then(|(before, _)| before.rsplit_once('(')?.1.parse::<u64>().ok());
    let direction = if direction == "ago" { "ago" } else { "from now" };
    match seconds.map(|seconds| seconds / 86_400) {
        Some(0) => " (by less than a day)".to_owned(),
        Some(1) => format!(" (1 day {direction})"),
        Some(days) => format!(" ({days} days {direction})"),
        None => String::new(),
    }
}

/// Extracts the names of a certificate from text such as `is only valid for DnsName("claw.example")`.
fn certificate_names(what: &str) -> String {
    let Some((_, list)) = what.split_once("only valid for ") else { return String::new() };
    let bare = |name: &str| {
        let name = name.split_once('(').map_or(name, |(_, name)| name);
        name.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '*').to_owned()
    };
    let names: Vec<String> =
        list.split([',', ' ']).map(bare).filter(|name| !matches!(name.as_str(), "" | "or")).collect();
    names.join(", ")
}

/// Converts `HandshakeFailure` to `handshake failure`.
fn split_camel_case(name: &str) -> String {
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
            ("invalid peer certificate: UnknownIssuer", "not trusted; name"),
            ("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "as OpenClaw creates it"),
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
                "contains no host name",
            ),
            ("invalid peer certificate: Other(OtherError(UnsupportedCertVersion))", "X.509 version 3"),
            ("received fatal alert: HandshakeFailure", "refuses the TLS connection: handshake failure"),
            ("received corrupt message of type InvalidContentType", "does not speak TLS"),
            ("peer is incompatible: NoCipherSuitesInCommon", "no common cipher"),
            ("tls handshake eof", "broke off"),
        ] {
            let told = describe_tls_error(text);
            assert!(told.contains(words), "{text}: {told}");
            for raw in ["UnknownIssuer", "CaUsed", "Other(", "Expired", "UNIX", "DnsName", "HandshakeFailure"] {
                assert!(!told.contains(raw), "{told}");
            }
        }
    }

    #[test]
    fn the_system_is_quoted_without_its_number() {
        assert_eq!(describe_network_error(&io::Error::from_raw_os_error(111)), "connection refused");
        assert_eq!(describe_network_error(&io::Error::other("")), "");
        let unknown = io::Error::other("failed to lookup address information: Name or service not known");
        assert_eq!(lookup_words(&unknown), "name or service not known");
    }
}
