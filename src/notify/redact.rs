//! Redaction of a credential in text from a server.

/// Least length of a secret part, in characters. Shorter parts are thread numbers or `v1`.
const MIN_SECRET_CHARS: usize = 4;

/// Parts of common URLs and headers that are not secret and make a response readable.
const PUBLIC_PARTS: [&str; 12] = [
    "api",
    "webhooks",
    "hooks",
    "services",
    "triggers",
    "sendmessage",
    "chat_id",
    "bearer",
    "basic",
    "message",
    "auth",
    "token",
];

/// Secret parts of a credential, in lower case, longest first.
pub(super) struct Redactor {
    parts: Vec<String>,
}

impl Redactor {
    /// Returns a redactor for all parts of these texts, with and without percent-encoding.
    pub(super) fn from_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parts: Vec<String> = Vec::new();
        for text in texts {
            let decoded = percent_decode(text).unwrap_or_default();
            for text in [text, decoded.as_str()] {
                let text = text.to_ascii_lowercase();
                // Some responses quote a token as a whole, others a part of it.
                parts.extend(text.split(['/', '?', '&', '=', ' ', ',', ';']).map(str::to_owned));
                parts.extend(text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').map(str::to_owned));
            }
        }
        parts.retain(|part| part.chars().count() >= MIN_SECRET_CHARS && !PUBLIC_PARTS.contains(&part.as_str()));
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts.dedup();
        Self { parts }
    }

    /// Replaces each secret part by `…`, ignoring case.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for part in &self.parts {
            let mut clean = String::new();
            // Only ASCII changes its case, so that offsets in both texts are the same.
            let mut lower = text.to_ascii_lowercase();
            while let Some(at) = lower.find(part.as_str()) {
                let end = at + part.len();
                clean.push_str(text.get(..at).unwrap_or_default());
                clean.push('…');
                text = text.split_off(end);
                lower = lower.split_off(end);
            }
            text = clean + &text;
        }
        text
    }
}

/// Decodes percent-encoding; `None` if a `%` is followed by anything but two digits, or if the result is not UTF-8.
pub(super) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redacts_every_part_of_a_credential() {
        let redactor =
            Redactor::from_texts(["/bot123456:AbCdEf/sendMessage", "%40my_channel", "Bearer tk_Secret", "7"]);
        for (text, left) in [
            ("Not Found: bot123456:AbCdEf", "Not Found: …"),
            ("token 123456 is gone", "token 123456 is gone"),
            ("abcdef ABCDEF", "… …"),
            ("chat @my_channel", "chat …"),
            ("chat %40MY_channel", "chat …"),
            ("TK_SECRETtk_secret", "……"),
            ("Ünï abcdef ß", "Ünï … ß"),
            ("/sendMessage 7", "/sendMessage 7"),
        ] {
            assert_eq!(redactor.redact(text), left);
        }
        assert_eq!(Redactor::from_texts([]).redact("x"), "x");
    }

    #[test]
    fn percent_signs_are_decoded_or_refused() {
        assert_eq!(percent_decode("%40a%2Bb").as_deref(), Some("@a+b"));
        assert_eq!(percent_decode("ünï").as_deref(), Some("ünï"));
        for wrong in ["%", "%4", "%4x", "%+1", "%ff"] {
            assert_eq!(percent_decode(wrong), None, "{wrong}");
        }
    }
}
