//! The rules for what stands behind the words of a plan: titles, texts and the value of each
//! attribute. Refuses to know where in a plan they stand.

use std::str::FromStr;

use super::document::Choice;
use super::id::{id_fault, nearest, slug};

/// The longest title, in characters.
pub const TITLE_CHARS: usize = 500;
/// The longest text of one heading, bytes.
pub const TEXT_BYTES: usize = 1024 * 1024;
/// The most tasks of one plan file.
pub const TASKS: usize = 100_000;
/// The most phases and plans of one plan file, taken together.
pub const GROUPS: usize = 100_000;

const VALUE_BYTES: usize = 64 * 1024;
const NAME_CHARS: usize = 200;
const AGENTS: u32 = 1_000;
const ATTEMPTS: u32 = 1_000;

/// Why a value cannot be taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Bad {
    /// The rule that it breaks.
    pub(super) cause: String,
    /// What helps.
    pub(super) hint: Option<String>,
    /// A value that would do.
    pub(super) better: Option<String>,
}

impl Bad {
    fn new(cause: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            hint: None,
            better: None,
        }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// What holds for every value: one line, something in it, not endless.
pub(super) fn any(value: &str) -> Result<&str, Bad> {
    let value = value.trim();
    if value.is_empty() {
        Err(Bad::new("it is empty").hint("write a value, or take it out"))
    } else if value.len() > VALUE_BYTES {
        Err(Bad::new(format!("a value has at most {VALUE_BYTES} bytes")))
    } else if value.contains(is_unprintable) {
        Err(Bad::new("a value is one line without control characters"))
    } else {
        Ok(value)
    }
}

fn is_unprintable(c: char) -> bool {
    c.is_control() && c != '\t'
}

/// Tells why a title cannot be one.
pub(super) fn title_fault(title: &str) -> Option<String> {
    if title.chars().count() > TITLE_CHARS {
        Some(format!("a title has at most {TITLE_CHARS} characters"))
    } else if title.contains(is_unprintable) {
        Some("a title is one line without control characters".into())
    } else {
        None
    }
}

/// Tells why a text cannot be one.
pub(super) fn text_fault(text: &str) -> Option<String> {
    if text.len() > TEXT_BYTES {
        Some(format!(
            "a text has at most {TEXT_BYTES} bytes, this has {}",
            text.len()
        ))
    } else if text.contains('\0') {
        Some("a text has no byte of value 0".into())
    } else {
        None
    }
}

/// An id.
pub(super) fn id(value: &str) -> Result<String, Bad> {
    match id_fault(value) {
        None => Ok(value.to_owned()),
        Some(cause) => {
            let better = slug(value).filter(|better| id_fault(better).is_none());
            Err(Bad {
                better,
                ..Bad::new(cause)
            })
        }
    }
}

/// The names of an `after`: commas between them, or `none` alone.
pub(super) fn names(value: &str) -> Result<Vec<String>, Bad> {
    let names: Vec<String> = value
        .split(',')
        .map(str::trim)
        .filter(|n| !n.is_empty())
        .map(str::to_owned)
        .collect();
    match names.as_slice() {
        [] => Err(Bad::new("no name in it").hint("write ids with commas between them, or `none`")),
        [only] if only == "none" => Ok(Vec::new()),
        more if more.iter().any(|name| name == "none") => {
            Err(Bad::new("`none` stands alone").hint("write either `none` or names"))
        }
        _ => Ok(names),
    }
}

/// One of a few words.
pub(super) fn choice<T: Choice>(value: &str) -> Result<T, Bad> {
    T::of_word(value).ok_or_else(|| {
        let words: Vec<String> = T::WORDS
            .iter()
            .map(|(word, _)| format!("`{word}`"))
            .collect();
        let bad = Bad::new(format!("it is one of {}", words.join(", ")));
        match nearest(value, T::WORDS.iter().map(|(word, _)| *word)) {
            Some(near) => bad.hint(format!("the nearest is `{near}`")),
            None => bad,
        }
    })
}

/// A value that has a grammar of its own; `zero` is refused.
pub(super) fn parsed<T: FromStr<Err: ToString> + PartialEq + Default>(
    value: &str,
) -> Result<T, Bad> {
    let parsed: T = value
        .parse()
        .map_err(|fault: T::Err| Bad::new(fault.to_string()))?;
    if parsed == T::default() {
        Err(Bad::new("it is more than 0"))
    } else {
        Ok(parsed)
    }
}

/// How many agents at once.
pub(super) fn agents(value: &str) -> Result<u32, Bad> {
    count(value, AGENTS)
}

/// How many failed turns.
pub(super) fn attempts(value: &str) -> Result<u32, Bad> {
    count(value, ATTEMPTS)
}

fn count(value: &str, most: u32) -> Result<u32, Bad> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    let number: Option<u32> = if digits { value.parse().ok() } else { None };
    number
        .filter(|n| (1..=most).contains(n))
        .ok_or_else(|| Bad::new(format!("it is a whole number from 1 to {most}")))
}

/// The name of an agent or a model.
pub(super) fn name(value: &str) -> Result<String, Bad> {
    if value.chars().count() > NAME_CHARS {
        return Err(Bad::new(format!(
            "a name has at most {NAME_CHARS} characters"
        )));
    }
    Ok(value.to_owned())
}

/// The name of a branch. Not all of git's rules: those that keep it from being an option, a
/// range or another revision.
pub(super) fn branch(value: &str) -> Result<String, Bad> {
    let odd = |c: char| c.is_whitespace() || "~^:?*[\\".contains(c);
    if value.chars().count() > NAME_CHARS
        || value.starts_with(['-', '/'])
        || value.ends_with(['/', '.'])
        || value.contains("..")
        || value.contains("@{")
        || value.contains(odd)
    {
        return Err(Bad::new("it is the name of a branch"));
    }
    Ok(value.to_owned())
}

/// Globs, with commas between them. A comma inside `{…}`, `[…]` or after `\` belongs to its glob.
pub(super) fn globs(value: &str) -> Result<Vec<String>, Bad> {
    let mut globs = Vec::new();
    let mut start = 0;
    let mut braces = 0_usize;
    let mut in_class = false;
    let mut chars = value.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            ']' => in_class = false,
            _ if in_class => {}
            '[' => in_class = true,
            '{' => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            ',' if braces == 0 => {
                globs.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if braces > 0 || in_class {
        return Err(Bad::new("a `{` or `[` in it is never closed")
            .hint("write `\\{` or `\\[` for the sign itself"));
    }
    globs.push(&value[start..]);
    let globs: Vec<&str> = globs
        .into_iter()
        .map(str::trim)
        .filter(|glob| !glob.is_empty())
        .collect();
    let dangling = |glob: &&str| (glob.len() - glob.trim_end_matches('\\').len()) % 2 == 1;
    if globs.is_empty() {
        Err(Bad::new("no glob in it"))
    } else if globs.iter().any(dangling) {
        Err(Bad::new("a `\\` at the end of a glob protects nothing"))
    } else {
        Ok(globs.into_iter().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::{Priority, Review};

    #[test]
    fn names_of_after_are_a_list_or_none() {
        assert_eq!(
            names("a, b ,c"),
            Ok(vec!["a".into(), "b".into(), "c".into()])
        );
        assert_eq!(names("a,"), Ok(vec!["a".into()]));
        assert_eq!(names("none"), Ok(vec![]));
        assert!(names("none, a").is_err());
        assert!(names(" , ").is_err());
    }

    #[test]
    fn globs_keep_the_commas_that_are_theirs() {
        let of = |value| globs(value).unwrap();
        assert_eq!(
            of("migrations/**, src/db/users.rs"),
            ["migrations/**", "src/db/users.rs"]
        );
        assert_eq!(
            of("src/*.{rs,toml}, a[,b]c, x\\,y"),
            ["src/*.{rs,toml}", "a[,b]c", "x\\,y"]
        );
        assert_eq!(of("a\\\\, b"), ["a\\\\", "b"]);
        assert!(globs("a\\ , b").is_err());
        assert!(globs("a{b, c").is_err());
        assert!(globs("a[b, c").is_err());
        assert!(globs(",").is_err());
    }

    #[test]
    fn choices_are_told_with_the_nearest() {
        assert_eq!(choice::<Priority>("high"), Ok(Priority::High));
        let bad = choice::<Priority>("hgih").unwrap_err();
        assert_eq!(bad.cause, "it is one of `high`, `normal`, `low`");
        assert_eq!(bad.hint.as_deref(), Some("the nearest is `high`"));
        assert_eq!(choice::<Review>("none"), Ok(Review::None));
    }

    #[test]
    fn counts_and_branches_have_bounds() {
        assert_eq!(agents("4"), Ok(4));
        for value in ["0", "-1", "+4", "4.0", "1001", "99999999999", "four"] {
            assert!(agents(value).is_err(), "{value}");
        }
        assert_eq!(branch("release/1.x"), Ok("release/1.x".into()));
        for value in ["-x", "a..b", "HEAD~1", "a b", "@{u}", "a:b", "/a", "a/"] {
            assert!(branch(value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_value_is_one_line_with_something_in_it() {
        assert_eq!(any("  a\tb "), Ok("a\tb"));
        assert!(any(" ").is_err());
        assert!(any("a\nb").is_err());
        assert!(any("a\u{1b}[0mb").is_err());
        assert!(any(&"a".repeat(VALUE_BYTES + 1)).is_err());
    }
}
