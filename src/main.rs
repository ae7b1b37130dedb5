//! Entry point: passes the arguments on and returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    openclaw_failover::cli::main(std::env::args_os().skip(1).collect())
}
