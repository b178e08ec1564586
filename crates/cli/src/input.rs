//! Reads what a command is given: plan files, texts, standard input. Sizes are bounded.

use crate::failure::{Outcome, usage};
use crate::session::Session;
use cw_wire::ErrorView;
use cw_wire::plan_call::{PLAN_LIMIT, PlanFormat, PlanText};
use std::io::{IsTerminal, Read};
use std::path::Path;

/// The size beyond which a text from standard input is refused, bytes.
const TEXT_LIMIT: u64 = 1024 * 1024;

/// Reads a plan from a file, or from standard input for `-`.
pub(crate) fn plan(session: &Session<'_>, name: &str) -> Outcome<PlanText> {
    let bytes = if name == "-" {
        read_bounded(std::io::stdin().lock(), PLAN_LIMIT, name)?
    } else {
        read_file(&session.path(Path::new(name))?, name)?
    };
    Ok(plan_text(&bytes, name)?)
}

fn read_file(path: &Path, name: &str) -> Result<Vec<u8>, ErrorView> {
    let cannot = |error: std::io::Error| {
        usage(format!("cannot read the plan `{name}`"))
            .cause(error.to_string())
            .hint("name a plan file, or `-` for standard input; `cw plan --help` shows what one looks like")
    };
    let dangling = path.is_symlink() && !path.exists();
    let file = std::fs::File::open(path).map_err(|error| {
        if dangling {
            usage(format!("cannot read the plan `{name}`"))
                .cause("it is a symbolic link to a file that is not there")
                .hint("mend the link, or name the file itself")
        } else {
            cannot(error)
        }
    })?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_dir() {
        return Err(usage(format!("cannot read the plan `{name}`"))
            .cause("it is a folder")
            .hint("name a plan file in it"));
    }
    if metadata.len() > PLAN_LIMIT {
        return Err(too_large(name, &metadata.len().to_string(), PLAN_LIMIT));
    }
    read_bounded(file, PLAN_LIMIT, name)
}

fn read_bounded(from: impl Read, limit: u64, name: &str) -> Result<Vec<u8>, ErrorView> {
    let mut bytes = Vec::new();
    from.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            usage(format!("cannot read `{name}`"))
                .cause(error.to_string())
                .hint("see that it is a file that you can read")
        })?;
    if bytes.len() as u64 > limit {
        return Err(too_large(name, &format!("more than {limit}"), limit));
    }
    Ok(bytes)
}

fn too_large(name: &str, size: &str, limit: u64) -> ErrorView {
    let limit = limit / 1024 / 1024;
    usage(format!("`{name}` is too large"))
        .cause(format!("it has {size} bytes; the limit is {limit} MiB"))
        .hint("split it into several, and keep large material in files of the repository")
}

/// Takes bytes for a plan: JSON when the first sign is a brace, Markdown otherwise.
fn plan_text(bytes: &[u8], name: &str) -> Result<PlanText, ErrorView> {
    let text = decoded(bytes, name)?;
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let format = if is_json(start) {
        PlanFormat::Json
    } else {
        PlanFormat::Markdown
    };
    if start.is_empty() {
        return Err(usage(format!("the plan `{name}` is empty"))
            .hint("`cw plan --help` shows what a plan looks like"));
    }
    Ok(PlanText {
        name: name.to_owned(),
        format,
        text,
    })
}

/// Whether a text is meant as JSON. A Markdown plan begins with a heading; a list is told what a
/// plan in JSON looks like.
fn is_json(start: &str) -> bool {
    let list = || serde_json::from_str::<serde::de::IgnoredAny>(start).is_ok();
    start.starts_with('{') || (start.starts_with('[') && list())
}

/// Takes bytes for text, and says what they are when they are none.
fn decoded(bytes: &[u8], name: &str) -> Result<String, ErrorView> {
    let cannot = |cause: String, hint: &str| {
        usage(format!("cannot read the plan `{name}`"))
            .cause(cause)
            .hint(hint)
    };
    let line_of = |at: usize| {
        let before = bytes[..at].iter().filter(|byte| **byte == b'\n');
        before.count() + 1
    };
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(cannot("it is UTF-16".into(), "save it as UTF-8"));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let cause = format!("it is binary: line {} has a byte of value 0", line_of(at));
        return Err(cannot(cause, "a plan is a text file; name another"));
    }
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|error| {
            let cause = format!("line {} is not UTF-8", line_of(error.valid_up_to()));
            let hint = "save it as UTF-8 (`iconv -f latin1 -t utf-8` turns Latin-1 into it)";
            cannot(cause, hint)
        })
}

/// Takes a text as typed, or standard input for `-`.
pub(crate) fn text(typed: &str) -> Outcome<String> {
    if typed != "-" {
        return Ok(typed.to_owned());
    }
    let bytes = read_bounded(std::io::stdin().lock(), TEXT_LIMIT, "-")?;
    let text = String::from_utf8(bytes).map_err(|_| {
        usage("cannot read standard input")
            .cause("it is not UTF-8")
            .hint("give it as UTF-8 text")
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Takes a text as typed; else standard input when it is not a terminal.
pub(crate) fn text_or_stdin(typed: Option<&str>, what: &str) -> Outcome<String> {
    let text = match typed {
        Some(typed) => text(typed)?,
        None if std::io::stdin().is_terminal() => String::new(),
        None => text("-")?,
    };
    if text.trim().is_empty() {
        return Err(usage(format!("no {what} was given"))
            .hint(format!(
                "give the {what} as an argument, or on standard input"
            ))
            .into());
    }
    Ok(text)
}

/// Asks the user on the terminal; no without one.
pub(crate) fn confirm(session: &Session<'_>, question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    session.out.note(&format!("{question} [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Reads a duration: `30`, `30s`, `5m`, `2h`, `1d`, as seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err("a duration such as 90s, 5m or 2h".to_owned()),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "a duration such as 90s, 5m or 2h".to_owned())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| "a shorter duration".to_owned())
}

/// Reads an amount of money: `20`, `$20`, `0.50`.
pub(crate) fn money(text: &str) -> Result<f64, String> {
    let plain = text.trim().trim_start_matches('$');
    match plain.parse::<f64>() {
        Ok(usd) if usd.is_finite() && usd >= 0.0 => Ok(usd),
        _ => Err("an amount such as $20 or 0.50".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_says_what_helps() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link.md");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        let told = |path: &Path| {
            let error = read_file(path, "p.md").unwrap_err();
            assert_eq!(error.code.exit_code(), 2);
            format!("{} | {}", error.cause.unwrap(), error.hint.unwrap())
        };
        assert!(told(&link).contains("mend the link"));
        assert!(told(dir.path()).contains("it is a folder | name a plan file"));
        assert!(told(&dir.path().join("none.md")).contains("No such file"));
    }

    #[test]
    fn a_plan_is_json_when_it_starts_with_a_brace() {
        let format = |text: &str| plan_text(text.as_bytes(), "p").unwrap().format;
        assert_eq!(format("\u{feff} \n {\"title\":\"x\"}"), PlanFormat::Json);
        assert_eq!(format("# Title\n{"), PlanFormat::Markdown);
        assert_eq!(format(" [1]\n"), PlanFormat::Json);
        assert_eq!(format("[a link](x)\n# Title\n"), PlanFormat::Markdown);
    }

    #[test]
    fn a_plan_that_cannot_be_read_says_why() {
        let error = plan_text(b"# A\nb\xffc", "p.md").unwrap_err();
        assert_eq!(error.code.exit_code(), 2);
        assert_eq!(error.cause.as_deref(), Some("line 2 is not UTF-8"));
        assert!(plan_text(b" \n", "p.md").is_err());
        for (bytes, cause, hint) in [
            (&b"# A\n\xe4"[..], "line 2 is not UTF-8", "save it as UTF-8"),
            (b"\xff\xfe#\0", "it is UTF-16", "save it as UTF-8"),
            (b"\xfe\xff\0#", "it is UTF-16", "save it as UTF-8"),
            (b"\x7fELF\0", "it is binary", "a text file"),
            (b"# A\nb\0", "line 2 has a byte of value 0", "a text file"),
        ] {
            let error = plan_text(bytes, "p.md").unwrap_err();
            assert!(error.cause.unwrap().contains(cause), "{bytes:?}");
            assert!(error.hint.unwrap().contains(hint), "{bytes:?}");
        }
        let error = read_bounded(std::io::repeat(b'x'), 1024 * 1024, "big.md").unwrap_err();
        assert_eq!(error.message, "`big.md` is too large");
    }

    #[test]
    fn durations_and_money_are_read_as_written() {
        assert_eq!(seconds("5m"), Ok(300));
        assert_eq!(seconds("45"), Ok(45));
        assert!(seconds("5x").is_err() && seconds("").is_err() && seconds("-3s").is_err());
        assert_eq!(money("$20"), Ok(20.0));
        assert!(money("-1").is_err() && money("NaN").is_err());
    }
}
