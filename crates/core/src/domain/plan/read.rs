//! From the bytes of a plan file to its sections, line by line. Owns where a section begins and
//! ends; refuses to know what attributes mean.

use super::build::{build_sections, finish};
use super::document::{Line, PlanDocument};
use super::error::{Errors, PlanError};
use super::lines::{self, Fence, Inside};
use super::section::{Attribute, Section};

/// The size of the largest plan file, bytes.
pub const PLAN_BYTES: usize = 8 * 1024 * 1024;

/// Reads a plan file as it lies on the disk; `name` is what errors call it.
///
/// # Errors
/// All that is wrong with it, in the order of lines.
pub fn read_bytes(bytes: &[u8], name: &str) -> Result<PlanDocument, Vec<PlanError>> {
    let mut errors = Errors::new(name);
    if bytes.len() > PLAN_BYTES {
        too_big(bytes.len(), &mut errors);
    } else if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        errors
            .add(Line(1), "the file is UTF-16")
            .hint("save it as UTF-8");
    } else if let Some(at) = bytes.iter().position(|b| *b == 0) {
        errors
            .add(line_of(bytes, at), "the file is binary")
            .cause("it has a byte of value 0")
            .hint("a plan is a text file; name another");
    } else {
        match std::str::from_utf8(bytes) {
            Ok(text) => return read(text, name),
            Err(fault) => {
                errors
                    .add(line_of(bytes, fault.valid_up_to()), "the file is not UTF-8")
                    .hint("save it as UTF-8");
            }
        }
    }
    Err(errors.join(Errors::new(name)))
}

fn line_of(bytes: &[u8], at: usize) -> Line {
    let before = bytes[..at].iter().filter(|b| **b == b'\n').count();
    Line(u32::try_from(before + 1).unwrap_or(u32::MAX))
}

fn too_big(bytes: usize, errors: &mut Errors) {
    errors
        .add(
            Line(0),
            format!("the plan has {bytes} bytes, more than {PLAN_BYTES}"),
        )
        .hint("divide it into several initiatives");
}

/// Reads a plan file and checks it; `name` is what errors call it.
///
/// # Errors
/// All that is wrong with it, in the order of lines.
pub fn read(text: &str, name: &str) -> Result<PlanDocument, Vec<PlanError>> {
    let mut errors = Errors::new(name);
    if text.len() > PLAN_BYTES {
        too_big(text.len(), &mut errors);
        return Err(errors.join(Errors::new(name)));
    }
    let sections = sections(text, &mut errors);
    let document = build_sections(sections, &mut errors);
    finish(document, errors, name)
}

/// The section that is being read.
struct Open<'a> {
    section: Section,
    text: Vec<&'a str>,
    /// The place of attributes is over.
    in_text: bool,
}

impl Open<'_> {
    fn close(mut self) -> Section {
        self.section.text = lines::trim_blank(&self.text).join("\n");
        self.section
    }
}

/// Cuts a text into sections.
fn sections(text: &str, errors: &mut Errors) -> Vec<Section> {
    let mut done: Vec<Section> = Vec::new();
    let mut open: Option<Open<'_>> = None;
    let mut fence: Option<(Fence, Line)> = None;
    let mut stray: Option<Line> = None;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(lines::split(text)) {
        let here = Line(number);
        let met = fence.map_or(Inside::Over, |(opened, _)| opened.meet(line));
        if met == Inside::Closes {
            fence = None;
        } else if met == Inside::Stays {
            // It is neither a heading nor the opening of another fence.
        } else if let Some((level, title)) = lines::heading(line) {
            fence = None;
            done.extend(open.take().map(Open::close));
            let section = Section {
                line: here,
                ..Section::new(level, title)
            };
            open = Some(Open {
                section,
                text: Vec::new(),
                in_text: false,
            });
            continue;
        } else {
            fence = Fence::opening(line).map(|opening| (opening, here));
        }
        match &mut open {
            Some(open) => take_line(open, line, here, fence.is_some()),
            None if !lines::is_blank(line) && stray.is_none() => stray = Some(here),
            None => {}
        }
    }
    done.extend(open.map(Open::close));
    if let Some(line) = stray {
        errors
            .add(line, "text before the first heading")
            .hint("begin the file with `# ` and the initiative's title");
    }
    if let Some((_, line)) = fence.filter(|(opened, _)| !opened.is_in_item()) {
        errors
            .add(line, "this code fence is never closed")
            .cause("it hides every heading below it")
            .hint("close it with a line of the same marks, or write `\\` before it; look at the fences above it too");
    }
    done
}

/// Takes one line that is not a heading into its section.
fn take_line<'a>(open: &mut Open<'a>, line: &'a str, here: Line, fenced: bool) {
    if !open.in_text {
        if lines::is_blank(line) {
            open.in_text = !open.section.attributes.is_empty();
            return;
        }
        if let Some((key, value)) = lines::attribute(line) {
            open.section.attributes.push(Attribute {
                key: key.to_owned(),
                value: value.to_owned(),
                line: here,
            });
            return;
        }
        open.in_text = true;
    }
    // The line that closes a fence passes as unfenced: it starts with no backslash.
    let line = if fenced {
        line
    } else {
        lines::unescape(line).unwrap_or(line)
    };
    open.text.push(line);
}
