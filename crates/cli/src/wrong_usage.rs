//! Wrong usage in our own words: what is wrong, and what helps.
//!
//! It reads what the parser says and knows where commands are that people look for elsewhere. It
//! owns no parsing.

use crate::args::Cli;
use crate::failure::usage;
use clap::{Command, CommandFactory};
use cw_wire::ErrorView;
use std::ffi::OsString;

/// Words that people try as commands, and where that is done.
const ELSEWHERE: &[(&str, &str)] = &[
    ("answer", "`cw message answer ID TEXT` answers a question"),
    ("approve", "`cw task approve TASK` approves one in review"),
    ("diff", "`cw task diff TASK` or `cw agent diff NAME`"),
    (
        "land",
        "`cw initiative land INITIATIVE` brings it to its base",
    ),
    (
        "list",
        "`cw task list`, `cw agent list` or `cw initiative list`",
    ),
    ("log", "`cw agent log NAME` or `cw task log TASK`"),
    (
        "logs",
        "`cw agent log NAME`, `cw task log TASK` or `cw server logs`",
    ),
    ("ps", "`cw agent list` lists the agents"),
    ("retry", "`cw task retry TASK` lets it start again"),
    (
        "start",
        "`cw run PLAN`, `cw initiative start INITIATIVE` or `cw server start`",
    ),
    (
        "status",
        "`cw task list` shows how the work stands, `cw server status` how the server does",
    ),
];

/// What a number that cannot be read is called, in the parser's words and in ours.
const NUMBERS: &[(&str, &str)] = &[
    ("invalid digit found in string", "not a whole number"),
    (
        "cannot parse integer from empty string",
        "not a whole number",
    ),
    (
        "number too large to fit in target type",
        "too large a number",
    ),
];

/// Reads the parser's own message into what is wrong and what helps.
pub(crate) fn view(text: &str, args: &[OsString]) -> ErrorView {
    let (path, command) = command_of(args);
    let mut message = Vec::new();
    let mut tips = Vec::new();
    let mut paragraphs = text.split("\n\n").map(str::trim_end);
    if let Some(first) = paragraphs.next() {
        let first = first.trim_start_matches("error: ");
        message.extend(first.lines().map(str::trim).filter(|line| !line.is_empty()));
    }
    for line in paragraphs.flat_map(str::lines).map(str::trim) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            tips.extend(shown_tip(tip, &path, &command));
        } else if line.starts_with('[') {
            message.push(line);
        }
    }
    if message.first().is_some_and(|line| line.contains("Usage:")) {
        message = vec!["a command is missing"];
    }
    let mut message = message.join(" ");
    if message.is_empty() {
        "wrong usage".clone_into(&mut message);
    }
    for (theirs, ours) in NUMBERS {
        message = message.replace(theirs, ours);
    }
    if let Some(place) = elsewhere(&message, &path) {
        return usage(message).hint(place);
    }
    tips.push(format!("`{path} --help` shows how it is used"));
    usage(message).hint(tips.join("\n"))
}

/// Where a word is at home that is no command at the top.
fn elsewhere(message: &str, path: &str) -> Option<&'static str> {
    let word = message.strip_prefix("unrecognized subcommand '")?;
    let word = word.strip_suffix('\'')?;
    let found = ELSEWHERE.iter().find(|(name, _)| *name == word);
    found.filter(|_| path == "cw").map(|(_, place)| *place)
}

/// A tip as it is shown; of commands, only those that the help names too.
fn shown_tip(tip: &str, path: &str, command: &Command) -> Option<String> {
    if !tip.contains("similar subcommand") {
        return Some(tip.to_owned());
    }
    let named = tip.split('\'').skip(1).step_by(2);
    let known: Vec<String> = named
        .filter(|name| {
            let mut all = command.get_subcommands();
            all.any(|one| one.get_name() == *name && !one.is_hide_set())
        })
        .map(|name| format!("`{path} {name}`"))
        .collect();
    (!known.is_empty()).then(|| format!("there is {}", known.join(" and ")))
}

/// The words of a command line that name its command, and the command.
fn command_of(args: &[OsString]) -> (String, Command) {
    let mut path = "cw".to_owned();
    let mut command = Cli::command();
    for word in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
        let Some(found) = command.find_subcommand(word).cloned() else {
            continue;
        };
        path.push(' ');
        path.push_str(found.get_name());
        command = found;
    }
    (path, command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::parse;

    fn refusal(line: &str) -> ErrorView {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let error = parse(&args, "0").map(|_| ()).unwrap_err();
        view(&error.render().to_string(), &args)
    }

    #[test]
    fn wrong_usage_says_what_and_what_helps() {
        let error = refusal("cw task list --colour");
        assert_eq!(error.message, "unexpected argument '--colour' found");
        assert_eq!(error.cause, None);
        assert_eq!(
            error.hint.as_deref(),
            Some("`cw task list --help` shows how it is used")
        );
        let error = refusal("cw task show");
        assert!(error.message.contains("<TASK>"), "{}", error.message);
        let error = refusal("cw events --after x");
        assert_eq!(
            error.message,
            "invalid value 'x' for '--after <SEQ>': not a whole number"
        );
    }

    #[test]
    fn only_commands_that_the_help_names_are_suggested() {
        let error = refusal("cw task lst");
        assert_eq!(error.message, "unrecognized subcommand 'lst'");
        assert_eq!(
            error.hint.as_deref(),
            Some("there is `cw task list`\n`cw task --help` shows how it is used")
        );
        let error = refusal("cw demo-gat");
        assert!(!error.hint.unwrap().contains("demo-gate"));
    }

    #[test]
    fn a_command_at_home_elsewhere_is_shown_there() {
        let hint = |line| refusal(line).hint.unwrap();
        assert!(hint("cw land accounts").contains("`cw initiative land INITIATIVE`"));
        assert!(hint("cw status").contains("`cw server status`"));
        assert!(!hint("cw task land x").contains("cw initiative land"));
        for (word, place) in ELSEWHERE {
            assert!(Cli::command().find_subcommand(word).is_none(), "{word}");
            for command in place.split('`').filter(|part| part.starts_with("cw ")) {
                let words: Vec<_> = command.split(' ').skip(1).collect();
                let mut at = Cli::command();
                for name in words
                    .iter()
                    .filter(|word| word.chars().all(char::is_lowercase))
                {
                    at = at.find_subcommand(name).unwrap().clone();
                }
            }
        }
    }
}
