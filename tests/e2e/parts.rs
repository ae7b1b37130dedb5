//! Parts of every lab, built once and kept in one directory: the root file system, OpenClaw, and the binary under test.
//!
//! The directory is `target/e2e`, or the one named by `OCF_E2E_DIR`; delete it to rebuild everything. The binary is the
//! one that Cargo built, or the one named by `OCF_E2E_BINARY`. A bare host is Debian 12, or the release or Ubuntu
//! version that `parts/bare.sh` built in the directory named by `OCF_E2E_BARE`:
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
use crate::shell::run_checked;

/// Root of the repository, for the shipped unit files.
pub(crate) const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// Paths of the parts, and of the labs.
pub(crate) struct Parts {
    /// Root file system of the hosts; labs write to an overlay.
    pub(crate) rootfs: PathBuf,
    /// Directory into which npm installed OpenClaw.
    pub(crate) openclaw: PathBuf,
    /// Binary of `openclaw-failover`.
    pub(crate) binary: PathBuf,
    /// Directory of the labs, one subdirectory each, named `ocf-<process>-<number>`.
    pub(crate) labs: PathBuf,
}

/// Builds missing parts, and removes the labs of a suite that was killed together with its helpers.
pub(crate) fn parts() -> &'static Parts {
    static PARTS: OnceLock<Parts> = OnceLock::new();
    PARTS.get_or_init(|| {
        let user = run_checked(Command::new("id").arg("-u"));
        assert_eq!(user.trim(), "0", "the end-to-end suite boots hosts: it needs root");
        let dir = env::var_os("OCF_E2E_DIR").map_or_else(|| Path::new(REPOSITORY).join("target/e2e"), PathBuf::from);
        let labs = dir.join("labs");
        fs::create_dir_all(&labs).expect("the suite's folder can be made");
        remove_old_labs(&labs);

        let binary =
            env::var_os("OCF_E2E_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_openclaw-failover").into(), PathBuf::from);
        assert!(binary.is_file(), "there is no binary at {}", binary.display());
        let openclaw = build_part("openclaw.sh", dir.join("openclaw"), &[]);
        let config = Path::new(REPOSITORY).join("tests/e2e/files/standby/openclaw.json");
        let rootfs =
            build_part("rootfs.sh", dir.join("rootfs"), &[PRIMARY.as_ref(), openclaw.as_ref(), config.as_ref()]);
        Parts { rootfs, openclaw, binary, labs }
    })
}

/// Returns the root file system of a bare host, with the packages that setup installs.
pub(crate) fn bare_rootfs() -> PathBuf {
    static BARE: OnceLock<PathBuf> = OnceLock::new();
    let dir = &parts().labs;
    let given = || env::var_os("OCF_E2E_BARE").map(PathBuf::from);
    BARE.get_or_init(|| given().unwrap_or_else(|| build_part("bare.sh", dir.with_file_name("bare"), &[]))).clone()
}

/// True if the binary under test is static: the memory budget applies only to a static one.
pub(crate) fn is_static(binary: &Path) -> bool {
    let headers = run_checked(Command::new("readelf").arg("--program-headers").arg(binary));
    !headers.contains("INTERP")
}

/// Returns the path of a script of the suite.
pub(crate) fn script_path(name: &str) -> PathBuf {
    Path::new(REPOSITORY).join("tests/e2e/parts").join(name)
}

fn build_part(name: &str, target: PathBuf, more: &[&OsStr]) -> PathBuf {
    if !target.exists() {
        eprintln!("building {}", target.display());
        run_checked(Command::new("sh").arg(script_path(name)).arg(&target).args(more));
    }
    target
}

fn remove_old_labs(labs: &Path) {
    for lab in fs::read_dir(labs).expect("the labs' folder can be read").flatten() {
        let name = lab.file_name().to_string_lossy().into_owned();
        let owner = name.split('-').nth(1).unwrap_or_default();
        if !Path::new("/proc").join(owner).exists() {
            run_checked(Command::new("sh").arg(script_path("undo.sh")).arg(lab.path()));
        }
    }
}
