//! Checks of OpenClaw itself, run by its owner as the gateway's unit would run it.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::doctor::context::HostContext;
use crate::finding::{CheckResult, Level, remedy};
use crate::os::systemd::UnitProperties;
use crate::os::{ChildCommand, open_regular};
use crate::text::json;

/// systemd's default `PATH` for system units.
const DEFAULT_UNIT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Time limit of an OpenClaw command. It takes seconds before Node's compile cache is filled.
const OPENCLAW_TIMEOUT: Duration = Duration::from_secs(60);

/// Number of bytes of a script that are read for its interpreter.
const SHEBANG_LIMIT: u64 = 256;

/// Program that the gateway's unit runs.
struct UnitProgram<'a> {
    unit: &'a UnitProperties,
    /// The command up to `gateway`.
    words: Vec<&'a str>,
    /// File of the first word.
    file: PathBuf,
}

/// Location of a program.
enum ProgramLocation {
    Found(PathBuf),
    Missing,
    /// Not visible from here, but it may exist.
    Hidden,
}

/// Checks that OpenClaw and its Node are installed where the unit expects them.
pub(super) fn check_installed(context: &HostContext) -> CheckResult {
    let Some(unit) = loaded_unit(context) else { return skip_not_loaded(context) };
    let program = match UnitProgram::from_unit(context, &unit) {
        Ok(program) => program,
        Err(result) => return result,
    };
    match program.find_node(context) {
        None | Some(ProgramLocation::Found(_)) => CheckResult::ok(&program.file.display()),
        Some(ProgramLocation::Missing) => CheckResult::fail(&"Node is not in the PATH of the unit", remedy::NODE),
        Some(ProgramLocation::Hidden) => CheckResult::skipped(&"Node is in a folder that is hidden here"),
    }
}

/// Checks that the program starts; the evidence is its version.
pub(super) fn check_starts(context: &HostContext) -> CheckResult {
    with_supported_node(context, &|program| match program.new_command(context, &["--version"]).run() {
        Ok(output) => CheckResult::ok(&output.stdout.trim()),
        Err(why) => CheckResult::fail(&why.to_string(), remedy::EXEC),
    })
}

/// Checks that OpenClaw supports the installed Node.
pub(super) fn check_node(context: &HostContext) -> CheckResult {
    with_program(context, &|_, node| {
        node.map_or_else(|| CheckResult::skipped(&"OpenClaw includes its own Node"), check_node_version)
    })
}

/// Checks that OpenClaw accepts its configuration.
pub(super) fn check_config(context: &HostContext) -> CheckResult {
    with_supported_node(context, &|program| {
        let asked = program.new_command(context, &["config", "validate", "--json"]).run_any_exit_code();
        let output = match asked {
            Ok((_, output)) => output,
            Err(why) => return CheckResult::fail(&why.to_string(), remedy::VALIDATE),
        };
        let Ok(answer) = json::parse(output.stdout.trim()) else {
            let words = if output.stderr.trim().is_empty() { &output.stdout } else { &output.stderr };
            return CheckResult::fail(
                &format_args!("cannot parse OpenClaw's answer: {}", words.trim()),
                remedy::VALIDATE,
            );
        };
        let text = |node: &json::Value, key: &str| Some(node.get(key)?.as_str()?.to_owned());
        let words = |node: &json::Node| Some(format!("{}: {}", text(node, "path")?, text(node, "message")?));
        let all = |key: &str| answer.get(key).and_then(|nodes| nodes.as_array()).unwrap_or_default();
        if answer.get("valid").and_then(|valid| valid.as_bool()) == Some(true) {
            let warnings: Vec<String> = all("warnings").iter().filter_map(words).collect();
            // A gateway installs a missing plugin at its start, and does not start if that fails.
            let lacks_plugin =
                |warning: &&String| ["not installed", "cannot be checked"].iter().any(|is| warning.contains(is));
            return match (warnings.iter().find(lacks_plugin), warnings.first()) {
                (Some(missing), _) => CheckResult::fail(missing, remedy::PLUGIN),
                (None, Some(warning)) => CheckResult::warn(warning, remedy::VALIDATE),
                (None, None) => CheckResult::ok(&"OpenClaw accepts its configuration"),
            };
        }
        let issue = all("issues").iter().find_map(words);
        let error = || answer.get("error").and_then(|error| text(error, "message"));
        CheckResult::fail(
            &issue.or_else(error).unwrap_or_else(|| "OpenClaw rejects its configuration".to_owned()),
            remedy::VALIDATE,
        )
    })
}

/// Returns the path of OpenClaw's configuration.
pub(super) fn config_file(context: &HostContext) -> Option<PathBuf> {
    let unit = context.gateway_unit().ok();
    let configured =
        unit.as_ref().and_then(|unit| unit.environment_variable("OPENCLAW_CONFIG_PATH")).map(PathBuf::from);
    configured.or_else(|| Some(context.owner.as_ref().ok()?.home.join(".openclaw/openclaw.json")))
}

/// Returns the version in the program's output, such as `2026.9.6`.
pub(super) fn parse_version(output: &str) -> Option<String> {
    let is_version = |word: &&str| word.contains('.') && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    output.split_whitespace().find(is_version).map(|word| word.chars().take(32).collect())
}

/// Runs a check on an installed program and its Node; `gateway-program` reports a missing one.
fn with_program(context: &HostContext, check: &dyn Fn(&UnitProgram<'_>, Option<&Path>) -> CheckResult) -> CheckResult {
    let Some(unit) = loaded_unit(context) else { return skip_not_loaded(context) };
    let Ok(program) = UnitProgram::from_unit(context, &unit) else {
        return CheckResult::skipped(&"see gateway-program");
    };
    match program.find_node(context) {
        None => check(&program, None),
        Some(ProgramLocation::Found(node)) => check(&program, Some(&node)),
        Some(_) => CheckResult::skipped(&"see gateway-program"),
    }
}

/// Runs such a check if OpenClaw supports the Node; `node` reports one that it does not.
fn with_supported_node(context: &HostContext, check: &dyn Fn(&UnitProgram<'_>) -> CheckResult) -> CheckResult {
    with_program(context, &|program, node| match node.map(check_node_version) {
        Some(result) if result.level == Level::Fail => CheckResult::skipped(&"see node"),
        _ => check(program),
    })
}

fn loaded_unit(context: &HostContext) -> Option<UnitProperties> {
    context.gateway_unit().ok().filter(UnitProperties::is_loaded)
}

fn skip_not_loaded(context: &HostContext) -> CheckResult {
    CheckResult::skipped(&format_args!("{} is not loaded", context.config.gateway.unit))
}

/// Returns the `PATH` in which the unit's programs are found.
fn unit_path<'a>(context: &'a HostContext, unit: &'a UnitProperties) -> &'a str {
    let ours = context.program_path.as_deref().and_then(|path| path.to_str());
    unit.environment_variable("PATH").or(ours).unwrap_or(DEFAULT_UNIT_PATH)
}

fn find_program(context: &HostContext, program: &str, path: &str) -> ProgramLocation {
    let is_program = |file: &PathBuf| {
        fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let mut files: Vec<PathBuf> = path.split(':').map(|folder| Path::new(folder).join(program)).collect();
    if program.contains('/') {
        files = vec![context.system_path(program)];
    }
    let is_hidden = files.iter().any(|file| context.is_hidden(file));
    match files.into_iter().find(is_program) {
        Some(file) => ProgramLocation::Found(file),
        None if is_hidden => ProgramLocation::Hidden,
        None => ProgramLocation::Missing,
    }
}

impl<'a> UnitProgram<'a> {
    /// Returns the program of a unit, or the result to report if it is missing.
    fn from_unit(context: &HostContext, unit: &'a UnitProperties) -> Result<Self, CheckResult> {
        let mut words = unit.start_command();
        if words.first().is_some_and(|word| *word == "env" || word.ends_with("/env")) {
            words = words.into_iter().skip(1).skip_while(|word| word.contains('=')).collect();
        }
        let end = words.iter().position(|word| *word == "gateway").unwrap_or(words.len());
        words.truncate(end);
        let Some(first) = words.first() else {
            return Err(CheckResult::fail(&"the unit has no ExecStart=", remedy::EXEC));
        };
        let missing =
            |what| CheckResult::fail(&format_args!("the unit starts {what}, which does not exist"), remedy::EXEC);
        let hidden = |what| CheckResult::skipped(&format_args!("the unit starts {what}, which is hidden here"));
        let file = match find_program(context, first, unit_path(context, unit)) {
            ProgramLocation::Found(file) => file,
            ProgramLocation::Missing => return Err(missing(first)),
            ProgramLocation::Hidden => return Err(hidden(first)),
        };
        if let Some(script) = words.iter().skip(1).find(|word| word.starts_with('/')) {
            let script_file = context.system_path(script);
            if !script_file.is_file() {
                return Err(if context.is_hidden(&script_file) { hidden(script) } else { missing(script) });
            }
        }
        Ok(Self { unit, words, file })
    }

    /// Returns a command with other arguments and the unit's environment.
    fn new_command(&self, context: &HostContext, args: &[&str]) -> ChildCommand {
        let rest = self.words.iter().skip(1).copied().chain(args.iter().copied());
        let mut command = ChildCommand::new(&self.file).args(rest).dir("/").deadline(OPENCLAW_TIMEOUT);
        command = command.env("PATH", unit_path(context, self.unit));
        if let Ok(owner) = &context.owner {
            command = command.env("HOME", &owner.home);
        }
        match self.unit.environment_variable("OPENCLAW_CONFIG_PATH") {
            Some(file) => command.env("OPENCLAW_CONFIG_PATH", file),
            None => command,
        }
    }

    /// Finds the Node that runs it; `None` if OpenClaw includes its own Node.
    fn find_node(&self, context: &HostContext) -> Option<ProgramLocation> {
        let is_node = |path: &Path| path.file_name().is_some_and(|name| name == "node");
        if is_node(&self.file) {
            return Some(ProgramLocation::Found(self.file.clone()));
        }
        let mut head = Vec::new();
        open_regular(&self.file).ok()?.take(SHEBANG_LIMIT).read_to_end(&mut head).ok()?;
        let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
        let line = String::from_utf8_lossy(line).into_owned();
        let interpreter = line.split_whitespace().find(|word| is_node(Path::new(word)))?;
        Some(find_program(context, interpreter, unit_path(context, self.unit)))
    }
}

fn check_node_version(node: &Path) -> CheckResult {
    match ChildCommand::new(node).arg("--version").dir("/").deadline(OPENCLAW_TIMEOUT).run() {
        Ok(output) if is_supported(output.stdout.trim()) => CheckResult::ok(&output.stdout.trim()),
        Ok(output) => CheckResult::fail(&format_args!("{} is {}", node.display(), output.stdout.trim()), remedy::NODE),
        Err(why) => CheckResult::fail(&why.to_string(), remedy::NODE),
    }
}

/// True if OpenClaw 2026.9 supports the version (its `engines`: `>=24.16.0 <25 || >=26.1.0`).
fn is_supported(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    match (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) {
        (24, minor) => minor >= 16,
        (26, minor) => minor >= 1,
        (major, _) => major > 26,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_judged_as_openclaw_judges_it() {
        for (version, is) in [
            ("v24.15.9", false),
            ("v24.16.0", true),
            ("v25.3.0", false),
            ("v26.0.0", false),
            ("v26.1.0", true),
            ("v28.0.0", true),
            ("v22.20.0", false),
            ("", false),
        ] {
            assert_eq!(is_supported(version), is, "{version}");
        }
    }

    #[test]
    fn a_version_is_told_from_other_words() {
        assert_eq!(parse_version("OpenClaw 2026.9.6 (eb377ac)").as_deref(), Some("2026.9.6"));
        assert_eq!(parse_version("OpenClaw ... $(reboot)"), Some("...".to_owned()));
        assert_eq!(parse_version("none"), None);
    }
}
