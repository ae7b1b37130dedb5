//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    openclaw_failover::cli::main(std::env::args_os().skip(1).collect())
}
