//! Ids as users write them, and which known word an unknown one was meant to be. Refuses to know
//! what has which id.

/// The longest id, in characters.
pub const ID_CHARS: usize = 100;

/// The longest id, in bytes: ids become names of branches and files, which end at 255.
pub const ID_BYTES: usize = 200;

/// Makes an id of a title: letters lower-cased, runs of anything else as one `-`. `None` when
/// nothing is left.
#[must_use]
pub fn slug(title: &str) -> Option<String> {
    let mut id = String::new();
    let mut chars = 0;
    let mut gap = false;
    for c in title
        .chars()
        .flat_map(char::to_lowercase)
        .filter(|c| !is_mark(*c))
    {
        if !is_id_letter(c) {
            gap = !id.is_empty();
            continue;
        }
        let dash = usize::from(gap);
        if chars + dash + 1 > ID_CHARS || id.len() + dash + c.len_utf8() > ID_BYTES {
            break;
        }
        if gap {
            id.push('-');
        }
        id.push(c);
        chars += dash + 1;
        gap = false;
    }
    (!id.is_empty()).then_some(id)
}

/// Tells why `id` cannot be one; `None` when it can.
#[must_use]
pub fn id_fault(id: &str) -> Option<&'static str> {
    if id.is_empty() {
        Some("an id is not empty")
    } else if id.chars().count() > ID_CHARS || id.len() > ID_BYTES {
        Some("an id has at most 100 characters (200 bytes)")
    } else if id.starts_with('-') || id.chars().any(|c| c != '-' && !is_id_letter(c)) {
        Some("an id is made of lower-case letters, digits and `-`, and does not begin with `-`")
    } else if id == "none" {
        Some("`none` is the word for nothing in `after`")
    } else {
        None
    }
}

fn is_id_letter(c: char) -> bool {
    c.is_alphanumeric() && !c.is_uppercase() && !is_mark(c) && c.to_lowercase().eq([c])
}

/// Signs that belong to the letter before them: dropped, so that `é` in two characters does not
/// become a gap.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e47}'..='\u{e4e}')
        || matches!(
            c,
            '\u{94d}'
                | '\u{9cd}'
                | '\u{a4d}'
                | '\u{acd}'
                | '\u{b4d}'
                | '\u{bcd}'
                | '\u{c4d}'
                | '\u{ccd}'
        )
}

/// The one of `known` that takes the fewest changed characters to reach from `word`; the first
/// of equals.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within(word, known, usize::MAX - 1)
}

/// As [`nearest`], for a name that somebody else made up: nothing when all are far away.
pub(super) fn resembling<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within(word, known, (word.chars().count() / 3).max(2))
}

fn nearest_within<'a>(
    word: &str,
    known: impl Iterator<Item = &'a str>,
    most: usize,
) -> Option<&'a str> {
    let word: Vec<char> = word
        .chars()
        .take(ID_CHARS)
        .flat_map(char::to_lowercase)
        .collect();
    let mut limit = most.saturating_add(1);
    let mut best = None;
    let mut row = Vec::new();
    for candidate in known {
        if let Some(distance) = distance_below(&word, candidate, limit, &mut row) {
            limit = distance;
            best = Some(candidate);
        }
    }
    best
}

/// The edit distance, if it is less than `limit`.
fn distance_below(word: &[char], other: &str, limit: usize, row: &mut Vec<usize>) -> Option<usize> {
    if other.chars().count().abs_diff(word.len()) >= limit {
        return None;
    }
    row.clear();
    row.extend(0..=word.len());
    for (i, c) in other.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        let mut least = row[0];
        for (j, w) in word.iter().enumerate() {
            let changed = diagonal + usize::from(*w != c);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
            least = least.min(row[j + 1]);
        }
        if least >= limit {
            return None;
        }
    }
    row.last().copied().filter(|distance| *distance < limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn titles_become_ids() {
        for (title, id) in [
            ("Users table", "users-table"),
            ("  --Hello,  World!-- ", "hello-world"),
            ("Größe ändern", "größe-ändern"),
            ("Cafe\u{301}", "cafe"),
            ("Καλημέρα Κόσμε", "καλημέρα-κόσμε"),
            ("数据库 迁移", "数据库-迁移"),
            ("İstanbul", "istanbul"),
            ("v2.0_beta", "v2-0-beta"),
            ("🎉 Party 🎉", "party"),
            ("a\u{0}b/../c", "a-b-c"),
        ] {
            assert_eq!(slug(title).as_deref(), Some(id), "{title:?}");
        }
    }

    #[test]
    fn titles_without_letters_have_no_id() {
        for title in ["", "🎉", "---", " !? "] {
            assert_eq!(slug(title), None, "{title:?}");
        }
    }

    #[test]
    fn ids_that_break_the_rules_are_told_why() {
        for id in [
            "",
            "Users",
            "a b",
            "-a",
            "a/b",
            "a.b",
            "a_b",
            "none",
            "é\u{301}",
        ] {
            assert!(id_fault(id).is_some(), "{id:?}");
        }
        for id in ["a", "1", "a-", "a--b", "größe", "表", "ß"] {
            assert_eq!(id_fault(id), None, "{id:?}");
        }
        assert!(id_fault(&"a".repeat(101)).is_some());
        assert!(id_fault(&"表".repeat(67)).is_some());
        assert_eq!(id_fault(&"a".repeat(100)), None);
    }

    #[test]
    fn the_nearest_word_is_found() {
        let keys = ["after", "agent", "attempts", "priority"];
        assert_eq!(nearest("afetr", keys.into_iter()), Some("after"));
        assert_eq!(nearest("Priorty", keys.into_iter()), Some("priority"));
        assert_eq!(nearest("attempt", keys.into_iter()), Some("attempts"));
        assert!(nearest("xyzzy-and-more", keys.into_iter()).is_some());
        assert_eq!(resembling("xyzzy-and-more", keys.into_iter()), None);
        assert_eq!(resembling("afte", keys.into_iter()), Some("after"));
    }

    proptest! {
        #[test]
        fn every_slug_is_an_id(title in "\\PC{0,150}") {
            if let Some(id) = slug(&title).filter(|id| id != "none") {
                prop_assert_eq!(id_fault(&id), None, "{}", id);
            }
        }

        #[test]
        fn an_id_is_its_own_slug(id in "[a-zäб表0-9]{1,8}(-[a-zäб表0-9]{1,8}){0,3}") {
            let again = slug(&id);
            prop_assert_eq!(again, Some(id));
        }
    }
}
