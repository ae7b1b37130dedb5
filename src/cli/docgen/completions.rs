//! Generator of the completions: the commands, the words that follow them, their options, and the options that take a
//! file or another value.

use crate::cli::help_page::{HelpPage, OptionEntry};

/// Returns the completion script for bash: one function with a word list per command.
pub(super) fn render_bash(pages: &[HelpPage]) -> String {
    let mut script = String::from(
        "# bash completion of openclaw-failover, printed by `openclaw-failover completions bash`.\n\
         _openclaw_failover() {\n    \
             local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} name= words= files= others=\n    \
             ((COMP_CWORD > 1)) && name=${COMP_WORDS[1]}\n    \
             case $name in\n",
    );
    for page in pages {
        let mut words: Vec<&str> = page.argument_words();
        if page.name.is_empty() {
            words.extend(command_names(pages));
        }
        // The value of an option is completed after the option, and a command's file after the command.
        let (mut files, mut others) = (String::from(" "), String::from(" "));
        if page.takes_file() {
            [page.name, " "].iter().for_each(|part| files.push_str(part));
        }
        for flag in page.flags() {
            words.extend(&flag.names);
            let list = match flag.placeholder {
                Some("FILE") => &mut files,
                Some(_) => &mut others,
                None => continue,
            };
            flag.names.iter().for_each(|name| [name, " "].iter().for_each(|part| list.push_str(part)));
        }
        let words = words.join(" ");
        script.push_str(&format!("    '{}') words='{words}' files='{files}' others='{others}' ;;\n", page.name));
    }
    script.push_str(
        "    esac\n    \
             case $cur in\n    \
             -*) ;;\n    \
             *)\n        \
                 [[ $others == *\" $prev \"* ]] && return\n        \
                 if [[ $files == *\" $prev \"* ]]; then\n            \
                     compopt -o filenames 2> /dev/null\n            \
                     mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n            \
                     return\n        \
                 fi\n        \
                 ;;\n    \
             esac\n    \
             mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n\
         }\n\
         complete -F _openclaw_failover openclaw-failover\n",
    );
    script
}

/// Returns the completion script for zsh: `_arguments` per command.
pub(super) fn render_zsh(pages: &[HelpPage]) -> String {
    let mut script = String::from(
        "#compdef openclaw-failover\n\
         # zsh completion of openclaw-failover, printed by `openclaw-failover completions zsh`.\n\
         _openclaw-failover() {\n    \
             local -a commands=(\n",
    );
    for (name, text) in command_summaries(pages) {
        script.push_str(&format!("        {}\n", single_quote(&format!("{name}:{text}"), "'\\''")));
    }
    script.push_str(
        "    )\n    \
             local name=\n    \
             ((CURRENT > 2)) && name=$words[2] && shift words && ((CURRENT--))\n    \
             case $name in\n",
    );
    for page in pages {
        script.push_str(&format!("    '{}') _arguments", page.name));
        for flag in page.flags() {
            write_zsh_option(&flag, &mut script);
        }
        let words = page.argument_words();
        if page.name.is_empty() {
            script.push_str(" '1:command:{_describe command commands}'");
        } else if page.takes_file() {
            script.push_str(" '1:file:_files'");
        } else if !words.is_empty() {
            script.push_str(&format!(" '1:what:({})'", words.join(" ")));
        }
        script.push_str(" ;;\n");
    }
    script.push_str(
        "    esac\n\
         }\n\
         if [[ $funcstack[1] == _openclaw-failover ]]; then _openclaw-failover \"$@\"; \
         else compdef _openclaw-failover openclaw-failover; fi\n",
    );
    script
}

fn write_zsh_option(flag: &OptionEntry<'_>, script: &mut String) {
    let text = flag.text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
    let takes = match flag.placeholder {
        Some("FILE") => ":FILE:_files".to_owned(),
        Some(what) => format!(":{what}:"),
        None => String::new(),
    };
    for name in &flag.names {
        script.push_str(&format!(" {}", single_quote(&format!("{name}[{text}]{takes}"), "'\\''")));
    }
}

/// Returns the completion script for fish: one line per word and option.
pub(super) fn render_fish(pages: &[HelpPage]) -> String {
    let mut script = String::from(
        "# fish completion of openclaw-failover, printed by `openclaw-failover completions fish`.\n\
         complete -c openclaw-failover -f\n",
    );
    for (name, text) in command_summaries(pages) {
        write_fish_line(&format!("-n __fish_use_subcommand -a {name}"), &text, &mut script);
    }
    for page in pages {
        let when = match page.name {
            "" => "-n __fish_use_subcommand".to_owned(),
            name => format!("-n '__fish_seen_subcommand_from {name}'"),
        };
        for word in page.argument_words() {
            write_fish_line(&format!("{when} -a {word}"), "", &mut script);
        }
        if page.takes_file() {
            write_fish_line(&format!("{when} -F"), "", &mut script);
        }
        for flag in page.flags() {
            let mut line = when.clone();
            for name in &flag.names {
                let (kind, name) =
                    name.strip_prefix("--").map_or((" -s ", name.trim_start_matches('-')), |long| (" -l ", long));
                [kind, name].iter().for_each(|part| line.push_str(part));
            }
            line.push_str(match flag.placeholder {
                Some("FILE") => " -r -F",
                Some(_) => " -x",
                None => "",
            });
            write_fish_line(&line, flag.text, &mut script);
        }
    }
    script
}

fn write_fish_line(what: &str, text: &str, script: &mut String) {
    script.push_str(&format!("complete -c openclaw-failover {what}"));
    if !text.is_empty() {
        script.push_str(&format!(" -d {}", single_quote(&text.replace('\\', "\\\\"), "\\'")));
    }
    script.push('\n');
}

fn command_names(pages: &[HelpPage]) -> impl Iterator<Item = &'static str> {
    pages.iter().map(|page| page.name).filter(|name| !name.is_empty())
}

/// Returns each command with its summary in the program's help; two entries with the same first word are joined.
fn command_summaries(pages: &[HelpPage]) -> Vec<(&'static str, String)> {
    let listed = || pages.iter().filter(|page| page.name.is_empty()).flat_map(HelpPage::commands);
    let is_of = |head: &str, name: &str| head.split(' ').next() == Some(name);
    let said = |name| listed().filter(|item| is_of(item.head, name)).map(|item| item.text.as_str()).collect::<Vec<_>>();
    command_names(pages).map(|name| (name, said(name).join("; "))).collect()
}

/// Quotes a text with single quotes and replaces those within.
fn single_quote(text: &str, escaped: &str) -> String {
    format!("'{}'", text.replace('\'', escaped))
}
