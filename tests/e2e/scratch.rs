//! Not for keeps.
use crate::lab::Lab;
#[test]
fn scratch() {
    let (lab, stub) = Lab::with_git_host();
    let pids =
        format!("P={} S={} G={}", lab.primary.init().unwrap(), lab.standby.init().unwrap(), lab.git().init().unwrap());
    std::fs::write("/tmp/w/e2e/target/lab", pids).unwrap();
    while std::path::Path::new("/tmp/w/e2e/target/lab").exists() {
        std::thread::sleep(std::time::Duration::from_secs(1));
        if std::path::Path::new("/tmp/w/e2e/target/down").exists() {
            stub.say(crate::stub::Says::Error);
        } else {
            stub.say(crate::stub::Says::Started);
        }
    }
}
