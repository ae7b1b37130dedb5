//! What a webhook needs that nobody else may know: its URL, and headers such as a token.

use std::env;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use ureq::http::Uri;
use ureq::http::header::{HeaderName, HeaderValue};

use crate::config::read::CREDENTIALS;

/// No credential is longer, in bytes.
const LONGEST: u64 = 4096;

/// Where credentials lie.
#[derive(Clone, Debug)]
pub struct Vault {
    folder: PathBuf,
    prefix: &'static str,
}

impl Vault {
    /// Where `LoadCredential=notify:FOLDER` has put them for a unit, after systemd.exec(5), else where root keeps them.
    #[must_use]
    pub fn from_env() -> Self {
        match env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) => Self { folder: folder.into(), prefix: "notify_" },
            None => Self::at(CREDENTIALS),
        }
    }

    /// A folder with a file a credential.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), prefix: "" }
    }

    /// The text of a credential, without blanks around it.
    ///
    /// # Errors
    /// When there is none, or nothing in it.
    pub fn read(&self, name: &str) -> Result<String, String> {
        let path = self.folder.join(format!("{}{name}", self.prefix));
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
        read.map_err(|why| why.to_string())?;
        match text.trim() {
            "" => Err("it is empty".to_owned()),
            text => Ok(text.to_owned()),
        }
    }

    /// A webhook's credential.
    ///
    /// # Errors
    /// When it cannot be read or used; nothing of it is repeated.
    pub fn open(&self, name: &str) -> Result<Credential, String> {
        let wrong = |why: &str| format!("its credential {name} cannot be used: {why}");
        Credential::parse(&self.read(name).map_err(|why| wrong(&why))?).map_err(wrong)
    }
}

/// A URL and headers. It has no `Debug`, so that it is never logged by mistake.
pub struct Credential {
    /// Scheme, host and path.
    pub(super) url: String,
    /// What stands after `?` in the URL, name by name.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Credential {
    /// Reads a URL and, on lines of their own, headers as `Name: value`.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let url = lines.next().unwrap_or_default();
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        if !is_web || url.parse::<Uri>().map_or(true, |uri| uri.host().is_none()) {
            return Err("its first line is not a URL");
        }
        let (url, query) = url.split_once('?').unwrap_or((url, ""));
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.to_owned(), value.to_owned())
        };
        let query = query.split('&').filter(|part| !part.is_empty()).map(pair).collect();
        let header = |line: &str| -> Option<(HeaderName, HeaderValue)> {
            let (name, value) = line.split_once(':')?;
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name.trim().parse().ok()?, value))
        };
        let headers = lines.map(header).collect::<Option<_>>();
        let headers =
            headers.ok_or("each line after the first must be a header, such as \"Authorization: Bearer …\"")?;
        Ok(Self { url: url.to_owned(), query, headers })
    }

    /// The URL as it was written.
    pub(super) fn whole_url(&self) -> String {
        let query: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if query.is_empty() { self.url.clone() } else { format!("{}?{}", self.url, query.join("&")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_and_headers_are_read() {
        let text = "\n https://example.org/bot1:AB/sendMessage?chat_id=-7&x \n\nAuthorization:  Bearer tk_1\r\n";
        let read = Credential::parse(text).ok().unwrap();
        assert_eq!(read.url, "https://example.org/bot1:AB/sendMessage");
        assert_eq!(read.query, [("chat_id".to_owned(), "-7".to_owned()), ("x".to_owned(), String::new())]);
        assert_eq!(read.headers.len(), 1);
        assert_eq!((read.headers[0].0.as_str(), read.headers[0].1.to_str().unwrap()), ("authorization", "Bearer tk_1"));
        let plain = Credential::parse("http://10.0.0.1:8080/hook").ok().unwrap();
        assert_eq!(plain.whole_url(), "http://10.0.0.1:8080/hook");
    }

    #[test]
    fn what_is_none_is_refused_without_a_word_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::at(folder.path());
        for secret in ["", "hunter2", "ftp://hunter2", "https://", "https://a b/hunter2", "https://a/\nhunter2"] {
            std::fs::write(folder.path().join("hook"), secret).unwrap();
            let why = vault.open("hook").err().unwrap();
            assert!(why.contains("hook cannot be used") && !why.contains("hunter2"), "{why}");
        }
        assert!(vault.open("missing").err().unwrap().contains("No such file"));
    }
}
