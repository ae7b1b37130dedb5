//! What every lab is made of, built once and kept in one folder: the hosts' root file system, OpenClaw, and the
//! binary under test.
//!
//! The folder is `target/e2e`, or the one that `OCF_E2E_DIR` names; delete it to build everything afresh. The binary is
//! the one Cargo has just built, or the one that `OCF_E2E_BINARY` names. A bare host is Debian 12, or what
//! `parts/bare.sh` has built in the folder that `OCF_E2E_BARE` names, which may be another release or Ubuntu:
//!
//! ```text
//! tests/e2e/parts/bare.sh /var/tmp/noble noble --components=main,universe
//! OCF_E2E_BARE=/var/tmp/noble cargo test --features e2e --test e2e setup:: doctor:: variants::
//! ```

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use crate::lab::PRIMARY;
use crate::shell::must;

/// The repository: the shipped unit files are taken from it.
pub(crate) const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// The parts, and where labs may live.
pub(crate) struct Parts {
    /// The hosts' root file system; labs write to a layer above it.
    pub(crate) rootfs: PathBuf,
    /// The folder into which npm installed OpenClaw.
    pub(crate) openclaw: PathBuf,
    /// `openclaw-failover` itself.
    pub(crate) binary: PathBuf,
    /// Where labs live, one folder each, named `ocf-<process>-<number>`.
    pub(crate) labs: PathBuf,
}

/// Builds what is missing, and removes what a suite that was killed together with its helpers has left behind.
pub(crate) fn parts() -> &'static Parts {
    static PARTS: OnceLock<Parts> = OnceLock::new();
    PARTS.get_or_init(|| {
        let user = must(Command::new("id").arg("-u"));
        assert_eq!(user.trim(), "0", "the end-to-end suite boots hosts: it needs root");
        let dir = env::var_os("OCF_E2E_DIR").map_or_else(|| Path::new(REPOSITORY).join("target/e2e"), PathBuf::from);
        let labs = dir.join("labs");
        fs::create_dir_all(&labs).expect("the suite's folder can be made");
        sweep(&labs);

        let binary =
            env::var_os("OCF_E2E_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_openclaw-failover").into(), PathBuf::from);
        assert!(binary.is_file(), "there is no binary at {}", binary.display());
        let openclaw = build("openclaw.sh", dir.join("openclaw"), &[]);
        let config = Path::new(REPOSITORY).join("tests/e2e/files/standby/openclaw.json");
        let rootfs = build("rootfs.sh", dir.join("rootfs"), &[PRIMARY.as_ref(), openclaw.as_ref(), config.as_ref()]);
        Parts { rootfs, openclaw, binary, labs }
    })
}

/// The root file system of a host on which nobody has installed anything, with the packages to do so.
pub(crate) fn bare() -> PathBuf {
    static BARE: OnceLock<PathBuf> = OnceLock::new();
    let dir = &parts().labs;
    let given = || env::var_os("OCF_E2E_BARE").map(PathBuf::from);
    BARE.get_or_init(|| given().unwrap_or_else(|| build("bare.sh", dir.with_file_name("bare"), &[]))).clone()
}

/// Whether the binary under test is a static one: only for that one a memory budget is promised.
pub(crate) fn is_static(binary: &Path) -> bool {
    let headers = must(Command::new("readelf").arg("--program-headers").arg(binary));
    !headers.contains("INTERP")
}

/// The path of one of the suite's own scripts.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(REPOSITORY).join("tests/e2e/parts").join(name)
}

fn build(name: &str, target: PathBuf, more: &[&OsStr]) -> PathBuf {
    if !target.exists() {
        eprintln!("building {}", target.display());
        must(Command::new("sh").arg(script(name)).arg(&target).args(more));
    }
    target
}

fn sweep(labs: &Path) {
    for lab in fs::read_dir(labs).expect("the labs' folder can be read").flatten() {
        let name = lab.file_name().to_string_lossy().into_owned();
        let owner = name.split('-').nth(1).unwrap_or_default();
        if !Path::new("/proc").join(owner).exists() {
            must(Command::new("sh").arg(script("undo.sh")).arg(lab.path()));
        }
    }
}
