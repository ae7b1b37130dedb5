//! Credentials of webhooks: the URL, and headers such as a token.

use std::borrow::Cow;
use std::path::PathBuf;
use std::{env, fmt};

use ureq::http::Uri;
use ureq::http::header::{HeaderName, HeaderValue};

use crate::config::address::Address;
use crate::config::decode::CREDENTIALS;
use crate::notify::redact::Redactor;
use crate::os::read_regular;

/// Limit on the size of a credential, in bytes.
const MAX_CREDENTIAL_BYTES: u64 = 4096;

/// Reason why a credential cannot be used. It repeats no part of it.
#[derive(Debug, PartialEq, Eq)]
pub struct CredentialError(Cow<'static, str>);

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<T: Into<Cow<'static, str>>> From<T> for CredentialError {
    fn from(why: T) -> Self {
        Self(why.into())
    }
}

/// Directory with credentials.
#[derive(Clone, Debug)]
pub struct CredentialStore {
    directory: PathBuf,
    prefix: &'static str,
}

impl CredentialStore {
    /// Returns the directory to which systemd's `LoadCredential=notify:FOLDER` copies them (systemd.exec(5)), or root's
    /// own directory outside a unit.
    pub fn from_env() -> Self {
        match env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) => Self { directory: folder.into(), prefix: "notify_" },
            None => Self::in_directory(CREDENTIALS),
        }
    }

    /// Returns a store with one file per credential.
    pub fn in_directory(folder: impl Into<PathBuf>) -> Self {
        Self { directory: folder.into(), prefix: "" }
    }

    /// Reads a credential, without surrounding white space and byte order mark.
    ///
    /// # Errors
    /// Returns an error if it is missing, empty or not a valid secret.
    pub fn read_text(&self, name: &str) -> Result<String, CredentialError> {
        let path = self.directory.join(format!("{}{name}", self.prefix));
        let bytes = read_regular(&path, MAX_CREDENTIAL_BYTES).map_err(|why| why.to_string())?;
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text; save the file as UTF-8")?;
        match text.trim_start_matches('\u{feff}').trim() {
            "" => Err("it is empty".into()),
            text if text.lines().any(is_quoted) => Err("it is in quotes; remove the quotes".into()),
            text => Ok(text.to_owned()),
        }
    }

    /// Reads and parses the credential of a webhook.
    ///
    /// # Errors
    /// Returns an error that repeats no part of the credential.
    pub fn load_credential(&self, name: &str) -> Result<Credential, CredentialError> {
        let credential = self.read_text(name).and_then(|text| Credential::parse(&text));
        credential.map_err(|why| format!("its credential {name} cannot be used: {why}").into())
    }
}

fn is_quoted(line: &str) -> bool {
    let line = line.trim();
    line.len() > 1 && ['"', '\''].iter().any(|quote| line.starts_with(*quote) && line.ends_with(*quote))
}

/// URL and headers. There is no `Debug`, so that they are never logged by mistake.
pub struct Credential {
    /// URL up to its query.
    pub(super) url: String,
    /// Query, without its `?`.
    query_text: String,
    /// Query, as pairs of name and value.
    pub(super) query_pairs: Vec<(String, String)>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Credential {
    /// Parses a URL and, on the lines after it, headers as `Name: value`.
    fn parse(text: &str) -> Result<Self, CredentialError> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let url = lines.next().unwrap_or_default();
        check_url(url)?;
        let (url, query_text) = url.split_once('?').unwrap_or((url, ""));
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.to_owned(), value.to_owned())
        };
        let query = query_text.split('&').filter(|part| !part.is_empty()).map(pair).collect();
        let header = |line: &str| -> Option<(HeaderName, HeaderValue)> {
            let (name, value) = line.split_once(':')?;
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name.trim().parse().ok()?, value))
        };
        // As a header "https" it would be sent, with its secrets, to the server of the first one.
        if lines.clone().any(|line| check_url(line).is_ok()) {
            return Err("it holds a second URL; each webhook needs a credential of its own".into());
        }
        let headers = lines.map(header).collect::<Option<_>>();
        let headers =
            headers.ok_or("each line after the first must be a header, such as \"Authorization: Bearer …\"")?;
        Ok(Self { url: url.to_owned(), query_text: query_text.to_owned(), query_pairs: query, headers })
    }

    /// Returns a redactor for all secrets: the URL without its host, and the values of the headers.
    pub(super) fn redactor(&self) -> Redactor {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        let query = self.query_pairs.iter().map(|(_, value)| value.as_str());
        let headers = self.headers.iter().filter_map(|(_, value)| value.to_str().ok());
        Redactor::from_texts([path, user].into_iter().chain(query).chain(headers))
    }

    /// Returns the URL as it was written.
    pub(super) fn full_url(&self) -> String {
        format!("{}{}", self.url, self.query_text())
    }

    /// Returns the query as it was written, with its `?`; empty if there is none.
    pub(super) fn query_text(&self) -> String {
        if self.query_text.is_empty() { String::new() } else { format!("?{}", self.query_text) }
    }
}

/// Checks that a URL leads where it seems to. The error repeats no part of it.
fn check_url(url: &str) -> Result<(), CredentialError> {
    let not_a_url = "its first line is not a URL that begins with https:// or http://";
    let (scheme, rest) = url.split_once("://").ok_or(not_a_url)?;
    let port = match scheme.to_ascii_lowercase().as_str() {
        "https" => 443,
        "http" => 80,
        _ => return Err(not_a_url.into()),
    };
    if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("its URL contains a blank or a control character".into());
    }
    if rest.contains('#') {
        return Err("its URL contains a '#', and the part after it would not be sent".into());
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.rsplit_once('@') {
        Some((user, _)) if user.contains('%') => {
            return Err("its URL has a '%' before the '@'; write \"Authorization: Basic …\" on a separate line".into());
        }
        Some((_, host)) => host,
        None => authority,
    };
    Address::parse(host, Some(port)).map_err(|why| format!("its URL {why}"))?;
    url.parse::<Uri>().map_err(|_| "its URL contains a character that must be percent-encoded")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_and_headers_are_read() {
        let text = "\n https://example.org/bot1:AB/sendMessage?chat_id=-7&x \n\nAuthorization:  Bearer tk_1\r\n";
        let read = Credential::parse(text).ok().unwrap();
        assert_eq!(read.url, "https://example.org/bot1:AB/sendMessage");
        assert_eq!(read.query_pairs, [("chat_id".to_owned(), "-7".to_owned()), ("x".to_owned(), String::new())]);
        assert_eq!(read.headers.len(), 1);
        assert_eq!((read.headers[0].0.as_str(), read.headers[0].1.to_str().unwrap()), ("authorization", "Bearer tk_1"));
        for kept in
            ["https://me:pass@ntfy.example/topic?auth=x%3D", "http://[::1]:8080/", "HTTPS://xn--bcher-kva.example"]
        {
            assert_eq!(Credential::parse(kept).ok().unwrap().full_url(), kept);
        }
        let plain = Credential::parse("http://10.0.0.1:8080/hook").ok().unwrap();
        assert_eq!(plain.full_url(), "http://10.0.0.1:8080/hook");
    }

    #[test]
    fn rejects_invalid_credentials_without_quoting_them() {
        let folder = tempfile::tempdir().unwrap();
        let credentials = CredentialStore::in_directory(folder.path());
        for (secret, why) in [
            ("", "empty"),
            ("\u{feff}\r\n ", "empty"),
            ("hunter2", "not a URL"),
            ("ftp://hunter2", "not a URL"),
            ("https://", "has no host"),
            ("https://?hunter2", "has no host"),
            ("https://a b/hunter2", "blank"),
            ("https://a/\nhunter2", "header"),
            ("\"https://a/hunter2\"", "quotes"),
            ("'https://a/hunter2'\n", "quotes"),
            ("https://a/\n\"X: hunter2\"", "quotes"),
            ("https://a/hunter2\nhttps://b/hunter2", "a second URL"),
            ("https://a/hunter2\r\nX: y\r\n\r\nhttp://b/hunter2?x\r\n", "a second URL"),
            ("https://a./hunter2", "ends with a dot"),
            ("https://bücher.example/hunter2", "xn--"),
            ("https://a:99999/hunter2", "1 to 65535"),
            ("https://[::1/hunter2", "bracket"),
            ("https://[fe80::1%25eth0]/hunter2", "zones"),
            ("https://-hunter2/", "begins with '-'"),
            ("https://a/#hunter2", "'#'"),
            ("https://me:hunter%402@a/", "Authorization: Basic"),
        ] {
            std::fs::write(folder.path().join("hook"), secret).unwrap();
            let said = credentials.load_credential("hook").err().unwrap().to_string();
            assert!(said.contains("hook cannot be used") && said.contains(why), "{secret}: {said}");
            assert!(!said.contains("hunter"), "{said}");
        }
        for (bytes, why) in [(b"\xff\xfeh\0".to_vec(), "UTF-8"), (vec![b'x'; 5000], "larger than 4 KiB")] {
            std::fs::write(folder.path().join("hook"), bytes).unwrap();
            let said = credentials.load_credential("hook").err().unwrap().to_string();
            assert!(said.contains(why), "{said}");
        }
        assert!(credentials.load_credential("missing").err().unwrap().to_string().contains("it does not exist"));
    }
}
