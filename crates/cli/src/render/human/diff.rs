//! Diffs: through a pager on a terminal, as they are into a pipe.

use crate::failure::Outcome;
use crate::render::style::{Style, Tone};
use crate::render::{amount, escape, json};
use crate::session::Session;
use cw_wire::task::DiffView;

/// Shows a diff.
pub(crate) fn show(session: &Session<'_>, diff: &DiffView) -> Outcome<()> {
    let out = &session.out;
    if out.json {
        return out.write(&json::line(diff)?);
    }
    if diff.truncated {
        out.warn("the diff was cut at its size limit; `git diff` shows the whole");
    }
    if !out.terminal {
        return out.write(&diff.text);
    }
    if diff.text.is_empty() {
        out.note("nothing differs");
        return Ok(());
    }
    let text = draw(diff, out.style());
    match pager() {
        Some(command) if session.host.page(&command, &text).is_ok() => Ok(()),
        _ => out.write(&text),
    }
}

/// The pager that git would use; none for `cat` and the empty one.
fn pager() -> Option<String> {
    let named = ["GIT_PAGER", "PAGER"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let command = named.unwrap_or_else(|| "less -FRX".to_owned());
    (!command.trim().is_empty() && command.trim() != "cat").then_some(command)
}

fn draw(diff: &DiffView, style: Style) -> String {
    let files = amount::some(u64::from(diff.files), "file");
    let head = format!("{files}, +{} −{}", diff.insertions, diff.deletions);
    let mut out = style.paint(Tone::Faint, &head) + "\n\n";
    for line in diff.text.lines() {
        out.push_str(&draw_line(line, style));
        out.push('\n');
    }
    out
}

fn draw_line(line: &str, style: Style) -> String {
    let heads = [
        "diff ",
        "index ",
        "+++",
        "---",
        "new file",
        "deleted file",
        "rename ",
        "similarity ",
    ];
    let tone = if heads.iter().any(|head| line.starts_with(head)) {
        Some(Tone::Strong)
    } else {
        match line.as_bytes().first() {
            Some(b'+') => Some(Tone::Good),
            Some(b'-') => Some(Tone::Bad),
            Some(b'@') => Some(Tone::Active),
            _ => None,
        }
    };
    let text = escape::block(line);
    tone.map_or_else(|| text.clone(), |tone| style.paint(tone, &text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_on_a_terminal_cannot_carry_escape_sequences() {
        let diff = DiffView {
            files: 1,
            text: "+a\x1b]0;x\x07\n".into(),
            ..DiffView::default()
        };
        let drawn = draw(&diff, Style { colour: false });
        assert_eq!(drawn, "1 file, +0 −0\n\n+a^[]0;x^G\n");
    }
}
