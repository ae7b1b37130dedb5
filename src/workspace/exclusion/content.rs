//! Secrets in file contents: private keys, and tokens with their issuers' prefixes.

use std::io::{
    Read, {self},
};

/// Size of one read, in bytes.
const CHUNK: usize = 256 * 1024;

/// Overlap of two reads, in bytes; longer than any token or heading.
const LONGEST: usize = 256;

/// Token: its prefix, the minimum number of characters after it, and the allowed characters.
struct Token {
    prefix: &'static str,
    least: usize,
    also: &'static [u8],
}

const fn token(prefix: &'static str, least: usize, also: &'static [u8]) -> Token {
    Token { prefix, least, also }
}

/// From the issuers' documentation. Letters and digits are always allowed.
const TOKENS: [Token; 28] = [
    token("sk-ant-", 32, b"-_"),
    token("sk-", 32, b""),
    token("sk-proj-", 32, b"-_"),
    token("sk-or-v1-", 32, b""),
    token("sk-svcacct-", 32, b"-_"),
    token("sk_live_", 20, b""),
    token("rk_live_", 20, b""),
    token("ghp_", 36, b""),
    token("gho_", 36, b""),
    token("ghu_", 36, b""),
    token("ghs_", 36, b""),
    token("ghr_", 36, b""),
    token("github_pat_", 40, b"_"),
    token("glpat-", 20, b"-_"),
    token("xoxb-", 20, b"-"),
    token("xoxp-", 20, b"-"),
    token("xoxe-", 20, b"-"),
    token("xapp-", 20, b"-"),
    token("AKIA", 16, b""),
    token("ASIA", 16, b""),
    token("AIza", 35, b"-_"),
    token("npm_", 36, b""),
    token("pypi-AgEIcHlwaS5vcmc", 40, b"-_"),
    token("hf_", 34, b""),
    token("tskey-", 20, b"-"),
    token("SG.", 60, b"-_."),
    token("dop_v1_", 64, b""),
    token("gsk_", 48, b""),
];

/// True if the file's content holds a secret.
pub(super) fn find(mut file: impl Read) -> io::Result<bool> {
    let mut window: Vec<u8> = Vec::new();
    let mut chunk = vec![0; CHUNK];
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
        let done = window.len().saturating_sub(LONGEST);
        window.drain(..done);
        window.extend_from_slice(chunk.get(..length).unwrap_or_default());
        if is_in(&window) {
            return Ok(true);
        }
    }
}

fn is_in(text: &[u8]) -> bool {
    (0..text.len()).any(|at| {
        let rest = text.get(at..).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        match rest.first() {
            Some(b'-') => is_private_key(rest),
            Some(b':') => is_telegram(text.get(..at).unwrap_or_default(), rest),
            Some(b'M' | b'N' | b'O') => !before.is_some_and(u8::is_ascii_alphanumeric) && is_discord(rest),
            Some(b's' | b'r' | b'g' | b'x' | b'A' | b'n' | b'p' | b'h' | b't' | b'S' | b'd') => {
                !before.is_some_and(u8::is_ascii_alphanumeric) && TOKENS.iter().any(|token| token.begins(rest))
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
fn is_telegram(before: &[u8], text: &[u8]) -> bool {
    let digits = before.iter().rev().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    let rest = text.strip_prefix(b":AA").unwrap_or_default();
    (8..=11).contains(&digits) && word(rest, 40) == 33 && !is_placeholder(rest.get(..33).unwrap_or_default())
}

/// Matches a Discord bot token: a number in base 64, six or seven characters for the time, and a signature.
fn is_discord(text: &[u8]) -> bool {
    let mut parts = text.get(..text.len().min(LONGEST / 2)).unwrap_or_default().split(|byte| *byte == b'.');
    let (id, time, signature) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let is_long = |part: Option<&[u8]>, from, to| {
        part.is_some_and(|part| (from..=to).contains(&part.len()) && word(part, 64) == part.len())
    };
    is_long(id, 23, 28) && is_long(time, 6, 7) && word(signature, 40) >= 27 && !is_placeholder(signature)
}

/// Counts the letters, digits, `-` and `_` at the beginning of a text, up to `most`.
fn word(text: &[u8], most: usize) -> usize {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    text.iter().take(most).take_while(is_part).count()
}

impl Token {
    fn begins(&self, text: &[u8]) -> bool {
        let Some(rest) = text.strip_prefix(self.prefix.as_bytes()) else { return false };
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || self.also.contains(byte);
        let tail: Vec<u8> = rest.iter().take(LONGEST - 32).take_while(is_part).copied().collect();
        tail.len() >= self.least && !is_placeholder(&tail)
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
        find(text.as_bytes()).unwrap()
    }

    /// Builds tokens at run time, so that no git host refuses this file.
    fn example(prefix: &str) -> String {
        format!("{prefix}{}", "aB3dE6gH9k".repeat(8))
    }

    #[test]
    fn keys_and_tokens_are_found_wherever_they_stand() {
        for token in &TOKENS {
            assert!(holds(&format!("The key is `{}`.\n", example(token.prefix))), "{}", token.prefix);
        }
        let part = |length: usize| "aB3dE6gH9k-_mN0pQ".repeat(4).chars().take(length).collect::<String>();
        assert!(holds(&format!("bot 123456789:AA{}", part(33))));
        assert!(holds(&format!("token=M{}.{}.{}", part(23), part(6), part(38))));
        for kind in ["", "RSA ", "OPENSSH ", "ENCRYPTED ", "EC "] {
            assert!(holds(&format!("x\n-----BEGIN {kind}PRIVATE KEY-----\nabc")));
        }
        assert!(holds("-----BEGIN PGP PRIVATE KEY BLOCK-----"));
        for before in [CHUNK - 40, CHUNK - 1, CHUNK, 3 * CHUNK - 7] {
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
