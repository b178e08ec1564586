//! The word that somebody may have meant.

/// The nearest of `known`, if one is near enough to have been meant.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let reach = ((word.chars().count() + 1) / 3).max(1);
    known
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= reach && *distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put, taken or changed, or neighbours swapped.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().take(64).collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = last[j] + usize::from(x != y);
            let mut least = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_was_meant_is_found() {
        let keys = ["agents", "base", "gates", "turn_timeout"];
        for (word, meant) in [
            ("agens", Some("agents")),
            ("Agents", Some("agents")),
            ("gaets", Some("gates")),
            ("turn-timeout", Some("turn_timeout")),
            ("turntimeout", Some("turn_timeout")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys.into_iter()), meant, "{word}");
        }
    }

    #[test]
    fn an_endless_word_does_not_take_long() {
        assert_eq!(nearest(&"x".repeat(200_000), ["base"].into_iter()), None);
    }
}
