//! Tests in a separate process: a frozen gateway, and an environment that names a proxy.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use openclaw_failover::probe::ProbeFailure::{Refused, ResponseTimeout};
use openclaw_failover::probe::Verdict;

use crate::server::{Server, send_response};
use crate::{HEALTHY, STARTED, healthz_target, probe_verdict};

const IS_CHILD: &str = "OPENCLAW_FAILOVER_TEST_CHILD";

/// Runs one test of this test program as a child process.
fn child_command(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(IS_CHILD, "1");
    command
}

fn is_child() -> bool {
    std::env::var_os(IS_CHILD).is_some()
}

struct Gateway {
    process: Child,
    url: String,
}

impl Gateway {
    fn start() -> Self {
        let mut process =
            child_command("process::gateway").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let url = output.lines().map_while(Result::ok).find_map(|line| {
            let start = line.find("http://")?;
            line.get(start..).map(str::to_owned)
        });
        Self { process, url: url.unwrap() }
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("sh").args(["-c", r#"kill "$0" "$1""#, name, &pid]).status().unwrap().success());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Gateway in the child process. It runs until it is killed or its input is closed by the end of the parent.
#[test]
fn gateway() {
    if is_child() {
        let server = Server::start(|_, stream| send_response(stream, 200, STARTED));
        println!("listening on\n{}", server.url());
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
    }
}

#[test]
fn a_stopped_process_still_accepts_and_is_told_by_its_silence() {
    let mut gateway = Gateway::start();
    assert_eq!(probe_verdict(&gateway.url), HEALTHY);
    gateway.signal("-STOP");
    assert_eq!(probe_verdict(&gateway.url), Verdict::Failing(ResponseTimeout));
    gateway.signal("-CONT");
    assert_eq!(probe_verdict(&gateway.url), HEALTHY);
    gateway.process.kill().unwrap();
    gateway.process.wait().unwrap();
    assert_eq!(probe_verdict(&gateway.url), Verdict::Failing(Refused));
}

#[test]
fn a_proxy_from_the_environment_is_not_asked() {
    if is_child() {
        let server = Server::start(|_, stream| send_response(stream, 200, STARTED));
        let answer = healthz_target(&[&server.url()]).probe(crate::DEADLINE);
        assert_eq!(answer.verdict, HEALTHY, "{answer:?}");
        return;
    }
    let mut command = child_command("process::a_proxy_from_the_environment_is_not_asked");
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    command.env_remove("no_proxy").env_remove("NO_PROXY");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
