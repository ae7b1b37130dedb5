//! File names that mark secrets.

use std::path::Path;

/// Folders whose whole content is secret.
const SECRET_FOLDERS: [&str; 4] = [".ssh", ".gnupg", ".aws", ".kube"];

/// File names, in lower case.
const SECRET_NAMES: [&str; 19] = [
    ".env",
    ".netrc",
    "_netrc",
    ".git-credentials",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".htpasswd",
    ".dockercfg",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "credentials",
    "credentials.json",
    "auth-profiles.json",
    "secrets.json",
    "secrets.yaml",
    "secrets.yml",
];

/// File name endings, in lower case.
const SECRET_ENDINGS: [&str; 8] = [".env", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk"];

/// Endings of example files.
const EXAMPLE_ENDINGS: [&str; 5] = [".example", ".sample", ".template", ".dist", ".md"];

/// Suffix of files that were moved aside; the name before it still counts.
pub(crate) const MOVED_ASIDE_SUFFIX: &str = ".local-";

/// True if a path looks like a secret.
pub(super) fn is_secret_name(path: &Path) -> bool {
    let mut parts = path.iter().map(|part| part.to_string_lossy().to_lowercase());
    let Some(name) = parts.next_back() else { return false };
    let name = name.split_once(MOVED_ASIDE_SUFFIX).map_or(name.as_str(), |(before, _)| before);
    if EXAMPLE_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        return false;
    }
    SECRET_NAMES.contains(&name)
        || name.starts_with(".env.")
        || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || parts.any(|part| SECRET_FOLDERS.contains(&part.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_secrets_from_the_rest() {
        let secret = [
            ".env",
            "a/.ENV",
            ".env.local",
            "standby.env",
            "keys/id_ed25519",
            ".ssh/config",
            "tls/server.key",
            "credentials.json",
            ".env.local-20261121T230312.123Z",
            "id_rsa.local-20261121T230312.123Z",
        ];
        for path in secret {
            assert!(is_secret_name(Path::new(path)), "{path}");
        }
        let harmless = [
            "MEMORY.md",
            ".env.example",
            "id_rsa.pub",
            "environment",
            "notes/env.md",
            "key.md",
            "secrets.md",
            "monkey",
            "MEMORY.md.local-20261121T230312.123Z",
            "",
        ];
        for path in harmless {
            assert!(!is_secret_name(Path::new(path)), "{path}");
        }
    }
}
