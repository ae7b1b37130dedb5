//! Static binary in an empty root file system.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread;

use crate::parts::{is_static, parts};
use crate::shell::{print_measurement, run_unchecked};

/// Maximum size of the binary, in bytes.
const MAX_BINARY_BYTES: u64 = 7 * 1024 * 1024 / 2;

#[test]
fn it_checks_a_gateway_from_an_empty_root() {
    let binary = &parts().binary;
    if !is_static(binary) {
        print_measurement("SKIPPED: the binary is not a static one, see .ci/musl");
        return;
    }
    let size = fs::metadata(binary).expect("the binary is there").len();
    assert!(size <= MAX_BINARY_BYTES, "the binary has {size} bytes");

    let root = tempfile::tempdir().expect("a folder can be made");
    fs::copy(binary, root.path().join("it")).expect("the binary can be copied");
    fs::set_permissions(root.path().join("it"), Permissions::from_mode(0o755)).expect("a file's mode can be set");
    let gateway = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = gateway.local_addr().expect("it has an address").port();
    thread::spawn(move || {
        for mut connection in gateway.incoming().flatten() {
            let body = r#"{"ok":true,"status":"started"}"#;
            let _ = connection.read(&mut [0; 4096]);
            let _ = write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    let check = |url: &str| run_unchecked(Command::new("chroot").arg(root.path()).args(["/it", "check", url]));
    let well = check(&format!("http://127.0.0.1:{port}"));
    assert!(well.ok && well.text.contains("healthy"), "{}", well.text);
    let refused = check("http://127.0.0.1:1");
    assert!(!refused.ok && refused.text.contains("refused"), "{}", refused.text);
    assert_eq!(fs::read_dir(root.path()).expect("it can be read").count(), 1, "the binary left files");
}
