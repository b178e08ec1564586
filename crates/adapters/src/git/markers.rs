//! Whether a file still holds conflict markers: lines that look like one and that no side brought
//! along. Pure.

use std::collections::HashMap;

/// The lines of a file that look like a conflict marker, counted. A marker is 7 or more of the
/// same character at the start of a line, then a space or nothing (`conflict-marker-size` may
/// ask for more than 7).
fn marker_lines(text: &[u8]) -> HashMap<&[u8], usize> {
    let mut found = HashMap::new();
    for line in text.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if is_marker(line) {
            *found.entry(line).or_insert(0) += 1;
        }
    }
    found
}

fn is_marker(line: &[u8]) -> bool {
    let Some(first) = line.first().filter(|b| b"<|=>".contains(b)) else {
        return false;
    };
    let run = line.iter().take_while(|b| *b == first).count();
    match line.get(run) {
        // Longer rows of `=` underline headings.
        None if *first == b'=' => run == 7,
        None => run >= 7,
        Some(b' ') => run >= 7 && *first != b'=',
        Some(_) => false,
    }
}

/// `text` holds a marker line more often than its sides account for. `sides` are the versions
/// that were merged, `base` what they came from.
pub(super) fn holds_new_markers(text: &[u8], sides: &[Vec<u8>], base: Option<&[u8]>) -> bool {
    let sides: Vec<_> = sides.iter().map(|side| marker_lines(side)).collect();
    let base = base.map(marker_lines).unwrap_or_default();
    marker_lines(text).into_iter().any(|(line, count)| {
        let of = |lines: &HashMap<&[u8], usize>| lines.get(line).copied().unwrap_or(0);
        let most = sides.iter().map(of).max().unwrap_or(0);
        let together = sides
            .iter()
            .map(of)
            .sum::<usize>()
            .saturating_sub(of(&base));
        count > most.max(together)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFLICT: &[u8] = b"a\n<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> 1234\nb\n";

    #[test]
    fn markers_that_no_side_had_are_new() {
        assert!(holds_new_markers(
            CONFLICT,
            &[b"a\nx\nb\n".to_vec(), b"a\ny\nb\n".to_vec()],
            None
        ));
        assert!(holds_new_markers(b"x\r\n=======\r\ny\r\n", &[], None));
        assert!(holds_new_markers(b"<<<<<<<<<< HEAD\n", &[], None));
    }

    #[test]
    fn markers_that_a_side_brought_along_are_text() {
        assert!(!holds_new_markers(
            CONFLICT,
            &[CONFLICT.to_vec(), b"a\n".to_vec()],
            None
        ));
        assert!(!holds_new_markers(
            &[CONFLICT, CONFLICT].concat(),
            &[CONFLICT.to_vec(), CONFLICT.to_vec()],
            None
        ));
    }

    #[test]
    fn a_second_conflict_in_a_file_about_conflicts_is_seen() {
        let twice = [CONFLICT, CONFLICT].concat();
        assert!(holds_new_markers(
            &twice,
            &[CONFLICT.to_vec(), CONFLICT.to_vec()],
            Some(CONFLICT)
        ));
    }

    #[test]
    fn text_that_only_looks_a_little_like_a_marker_is_text() {
        for text in [
            "==========\n",
            "======= x\n",
            "<<<<<< HEAD\n",
            " <<<<<<< HEAD\n",
            "<<<<<<<HEAD\n",
            "title\n========\n",
        ] {
            assert!(!holds_new_markers(text.as_bytes(), &[], None), "{text}");
        }
    }
}
