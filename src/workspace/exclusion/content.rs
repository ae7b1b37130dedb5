//! Secrets in file contents: private keys, and tokens with their issuers' prefixes.

use std::io::{self, Read};

/// Size of one read, in bytes.
const CHUNK_SIZE: usize = 256 * 1024;

/// Overlap of two reads, in bytes; longer than any token or heading.
const TOKEN_LENGTH_LIMIT: usize = 256;

/// Token: its prefix, the minimum number of characters after it, and the allowed characters.
struct TokenPattern {
    prefix: &'static str,
    min_length: usize,
    extra_characters: &'static [u8],
}

const fn token_pattern(prefix: &'static str, least: usize, also: &'static [u8]) -> TokenPattern {
    TokenPattern { prefix, min_length: least, extra_characters: also }
}

/// From the issuers' documentation. Letters and digits are always allowed.
const TOKEN_PATTERNS: [TokenPattern; 28] = [
    token_pattern("sk-ant-", 32, b"-_"),
    token_pattern("sk-", 32, b""),
    token_pattern("sk-proj-", 32, b"-_"),
    token_pattern("sk-or-v1-", 32, b""),
    token_pattern("sk-svcacct-", 32, b"-_"),
    token_pattern("sk_live_", 20, b""),
    token_pattern("rk_live_", 20, b""),
    token_pattern("ghp_", 36, b""),
    token_pattern("gho_", 36, b""),
    token_pattern("ghu_", 36, b""),
    token_pattern("ghs_", 36, b""),
    token_pattern("ghr_", 36, b""),
    token_pattern("github_pat_", 40, b"_"),
    token_pattern("glpat-", 20, b"-_"),
    token_pattern("xoxb-", 20, b"-"),
    token_pattern("xoxp-", 20, b"-"),
    token_pattern("xoxe-", 20, b"-"),
    token_pattern("xapp-", 20, b"-"),
    token_pattern("AKIA", 16, b""),
    token_pattern("ASIA", 16, b""),
    token_pattern("AIza", 35, b"-_"),
    token_pattern("npm_", 36, b""),
    token_pattern("pypi-AgEIcHlwaS5vcmc", 40, b"-_"),
    token_pattern("hf_", 34, b""),
    token_pattern("tskey-", 20, b"-"),
    token_pattern("SG.", 60, b"-_."),
    token_pattern("dop_v1_", 64, b""),
    token_pattern("gsk_", 48, b""),
];

/// True if the file's content holds a secret.
pub(super) fn contains_secret(mut file: impl Read) -> io::Result<bool> {
    let mut window: Vec<u8> = Vec::new();
    let mut chunk = vec![0; CHUNK_SIZE];
    loop {
        let length = match file.read(&mut chunk) {
            Ok(length) => length,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(why),
        };
        if length == 0 {
            return Ok(false);
        }
        // Keep the end of the window: it may hold the beginning of a token.
        let done = window.len().saturating_sub(TOKEN_LENGTH_LIMIT);
        window.drain(..done);
        window.extend_from_slice(chunk.get(..length).unwrap_or_default());
        if text_contains_secret(&window) {
            return Ok(true);
        }
    }
}

fn text_contains_secret(text: &[u8]) -> bool {
    (0..text.len()).any(|at| {
        let rest = text.get(at..).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        match rest.first() {
            Some(b'-') => is_private_key(rest),
            Some(b':') => is_telegram_token(text.get(..at).unwrap_or_default(), rest),
            Some(b'M' | b'N' | b'O') => !before.is_some_and(u8::is_ascii_alphanumeric) && is_discord_token(rest),
            Some(b's' | b'r' | b'g' | b'x' | b'A' | b'n' | b'p' | b'h' | b't' | b'S' | b'd') => {
                !before.is_some_and(u8::is_ascii_alphanumeric)
                    && TOKEN_PATTERNS.iter().any(|token| token.matches_start(rest))
            }
            _ => false,
        }
    })
}

/// Matches the heading of RFC 7468, with or without the key type, and that of PGP.
fn is_private_key(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"-----BEGIN ") else { return false };
    let line: Vec<u8> = rest.iter().copied().take(40).take_while(|byte| *byte != b'\n').collect();
    let line = String::from_utf8_lossy(&line);
    let kind = line.split("-----").next().unwrap_or_default();
    kind.ends_with("PRIVATE KEY") || kind == "PGP PRIVATE KEY BLOCK"
}

/// Matches a Telegram bot token: a number, a colon, and 35 characters beginning with `AA`.
fn is_telegram_token(before: &[u8], text: &[u8]) -> bool {
    let digits = before.iter().rev().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    let rest = text.strip_prefix(b":AA").unwrap_or_default();
    (8..=11).contains(&digits)
        && count_token_characters(rest, 40) == 33
        && !is_placeholder(rest.get(..33).unwrap_or_default())
}

/// Matches a Discord bot token: a number in base 64, six or seven characters for the time, and a signature.
fn is_discord_token(text: &[u8]) -> bool {
    let mut parts = text.get(..text.len().min(TOKEN_LENGTH_LIMIT / 2)).unwrap_or_default().split(|byte| *byte == b'.');
    let (id, time, signature) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let is_long = |part: Option<&[u8]>, from, to| {
        part.is_some_and(|part| (from..=to).contains(&part.len()) && count_token_characters(part, 64) == part.len())
    };
    is_long(id, 23, 28)
        && is_long(time, 6, 7)
        && count_token_characters(signature, 40) >= 27
        && !is_placeholder(signature)
}

/// Counts the letters, digits, `-` and `_` at the beginning of a text, up to `most`.
fn count_token_characters(text: &[u8], most: usize) -> usize {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    text.iter().take(most).take_while(is_part).count()
}

impl TokenPattern {
    fn matches_start(&self, text: &[u8]) -> bool {
        let Some(rest) = text.strip_prefix(self.prefix.as_bytes()) else { return false };
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || self.extra_characters.contains(byte);
        let tail: Vec<u8> = rest.iter().take(TOKEN_LENGTH_LIMIT - 32).take_while(is_part).copied().collect();
        tail.len() >= self.min_length && !is_placeholder(&tail)
    }
}

/// True for placeholders in documentation, such as `ghp_xxxx…` and `sk-ant-0000…`.
fn is_placeholder(tail: &[u8]) -> bool {
    let mut distinct: Vec<u8> = tail.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.len() < 6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        contains_secret(text.as_bytes()).unwrap()
    }

    /// Builds tokens at run time, so that no git host refuses this file.
    fn example(prefix: &str) -> String {
        format!("{prefix}{}", "aB3dE6gH9k".repeat(8))
    }

    #[test]
    fn keys_and_tokens_are_found_wherever_they_stand() {
        for token in &TOKEN_PATTERNS {
            assert!(holds(&format!("The key is `{}`.\n", example(token.prefix))), "{}", token.prefix);
        }
        let part = |length: usize| "aB3dE6gH9k-_mN0pQ".repeat(4).chars().take(length).collect::<String>();
        assert!(holds(&format!("bot 123456789:AA{}", part(33))));
        assert!(holds(&format!("token=M{}.{}.{}", part(23), part(6), part(38))));
        for kind in ["", "RSA ", "OPENSSH ", "ENCRYPTED ", "EC "] {
            assert!(holds(&format!("x\n-----BEGIN {kind}PRIVATE KEY-----\nabc")));
        }
        assert!(holds("-----BEGIN PGP PRIVATE KEY BLOCK-----"));
        for before in [CHUNK_SIZE - 40, CHUNK_SIZE - 1, CHUNK_SIZE, 3 * CHUNK_SIZE - 7] {
            assert!(holds(&format!("{}{}", " ".repeat(before), example("ghp_"))), "{before}");
        }
    }

    #[test]
    fn talk_about_keys_is_none() {
        for harmless in [
            "",
            "tokens begin with ghp_ or sk-ant-",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "task-ant-farm",
            "sk-learn and sk-20261121, sk-llama-3-70b-instruct-q4-k-m-gguf",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----",
            "----------------------------",
            "AKIA",
            "hf_home is a variable",
            "12345678:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "Note. More. MEMORY.md",
        ] {
            assert!(!holds(harmless), "{harmless}");
        }
        assert!(!holds(&format!("x{}", example("ghp_"))));
    }
}
