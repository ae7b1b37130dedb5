//! Generator of the manual page, in the macros of man(7).

use crate::cli::help_page::{HelpPage, ListItem, Paragraph};

/// Entries of the section FILES, which no help text contains.
const FILES_SECTION: [(&str, &str); 5] = [
    ("/etc/openclaw-failover/config.json", "The configuration."),
    ("/etc/openclaw-failover/credentials/", "Tokens and URLs of webhooks, one file each, readable by root only."),
    ("/var/lib/openclaw-failover/", "State of the monitor: state.json, seen-healthy.json, history.jsonl, trace.jsonl."),
    ("/run/openclaw-failover/", "Runtime files: status.json, metrics.prom, and control.sock for operators."),
    ("/var/lib/openclaw-sync/", "Reports of the last pull and the last push."),
];

/// Returns the whole page.
pub(super) fn render_man_page(pages: &[HelpPage]) -> String {
    let mut text = String::from(concat!(
        ".TH OPENCLAW\\-FAILOVER 8 \"\" \"openclaw\\-failover ",
        env!("CARGO_PKG_VERSION"),
        "\" \"System Administration\"\n.SH NAME\nopenclaw\\-failover \\- "
    ));
    // The first sentence of the program's help, up to the colon, is the summary.
    let program = pages.iter().filter(|page| page.name.is_empty());
    let about = program.clone().find_map(|page| match page.paragraphs.first() {
        Some(Paragraph::Text(about)) => about.split_once(':'),
        _ => None,
    });
    write_line(
        &about.map_or_else(String::new, |(about, _)| about.to_lowercase().replace("openclaw", "OpenClaw")),
        &mut text,
    );
    text.push_str(".SH SYNOPSIS\n");
    program.clone().for_each(|page| page.paragraphs.iter().for_each(|block| write_usage(block, &mut text)));
    text.push_str(".SH DESCRIPTION\n");
    program.for_each(|page| write_body(page, &mut text));
    text.push_str(".SH COMMANDS\n");
    for page in pages.iter().filter(|page| !page.name.is_empty()) {
        text.push_str(".SS ");
        write_line(page.name, &mut text);
        page.paragraphs.iter().for_each(|block| write_usage(block, &mut text));
        write_body(page, &mut text);
    }
    text.push_str(".SH FILES\n");
    FILES_SECTION.iter().for_each(|(head, meaning)| write_entry(head, meaning, &mut text));
    text.push_str(".SH SEE ALSO\n.BR systemd (1),\n.BR journalctl (1)\n");
    text
}

fn write_usage(block: &Paragraph, text: &mut String) {
    if let Paragraph::Usage(lines) = block {
        for way in lines {
            text.push_str(".PP\n.B ");
            write_line(way, text);
        }
    }
}

/// Writes everything but the synopses.
fn write_body(page: &HelpPage, text: &mut String) {
    for block in &page.paragraphs {
        match block {
            Paragraph::Usage(_) => {}
            Paragraph::Text(said) => {
                text.push_str(".PP\n");
                write_line(said, text);
            }
            Paragraph::List(title, items) => {
                if let Some(title) = title {
                    text.push_str(".PP\n");
                    write_line(&format!("{title}:"), text);
                }
                items.iter().for_each(|ListItem { head, text: meaning }| write_entry(head, meaning, text));
            }
        }
    }
}

fn write_entry(head: &str, meaning: &str, text: &mut String) {
    text.push_str(".TP\n.B ");
    write_line(head, text);
    write_line(meaning, text);
}

/// Writes a line with roff's special characters escaped. Characters beyond ASCII are written by number, which works in
/// every locale.
fn write_line(said: &str, text: &mut String) {
    if said.starts_with(['.', '\'']) {
        text.push_str("\\&");
    }
    for char in said.chars() {
        match char {
            '\\' => text.push_str("\\e"),
            '-' => text.push_str("\\-"),
            '"' => text.push_str("\\(dq"),
            '\'' => text.push_str("\\(aq"),
            '`' => text.push_str("\\(ga"),
            '~' => text.push_str("\\(ti"),
            '^' => text.push_str("\\(ha"),
            char if char.is_ascii() => text.push(char),
            char => text.push_str(&format!("\\[u{:04X}]", u32::from(char))),
        }
    }
    text.push('\n');
}
