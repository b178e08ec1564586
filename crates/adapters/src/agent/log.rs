//! The form of the output logs, reading side. One record per line of output:
//! `<milliseconds since 1970><form><the line>\n`, where the form is one byte: a space for a whole
//! line, `~` for one that was cut, `_` for a last one without a line break, `!` for a note of the
//! shim. A record is complete once its line break is there. Knows nothing of what lines mean.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use cw_core::domain::time::Timestamp;
use cw_core::ports::agents::{LineForm, LogLine};

use super::order::LINE_CAP;

/// The byte that stands for `form`.
pub(super) fn form_byte(form: LineForm) -> u8 {
    match form {
        LineForm::Whole => b' ',
        LineForm::Cut => b'~',
        LineForm::Unended => b'_',
        LineForm::Note => b'!',
    }
}

/// Longest record that is waited for, in bytes: longer ones are nothing that a shim wrote.
const RECORD_CAP: usize = LINE_CAP as usize + 4096;

/// Reads complete records from `offset` on, about `max_bytes` of them and at least one where there
/// is one. With `over`, what stands behind the last line break is a record too.
pub(super) fn read_lines(
    file: &File,
    offset: u64,
    max_bytes: usize,
    over: bool,
) -> io::Result<(Vec<LogLine>, u64)> {
    let mut window = max_bytes.clamp(4096, RECORD_CAP);
    loop {
        let mut bytes = read_window(file, offset, window)?;
        let at_end = bytes.len() < window;
        let complete = memchr::memrchr(b'\n', &bytes).map_or(0, |last| last + 1);
        let take = match complete {
            0 if at_end && !over => return Ok((Vec::new(), offset)),
            0 if !at_end && window < RECORD_CAP => {
                window = (window * 4).min(RECORD_CAP);
                continue;
            }
            0 => bytes.len(),
            _ if at_end && over => bytes.len(),
            _ => complete,
        };
        bytes.truncate(take);
        return Ok((split(bytes, offset), offset + take as u64));
    }
}

fn read_window(file: &File, offset: u64, window: usize) -> io::Result<Vec<u8>> {
    let left = file.metadata()?.len().saturating_sub(offset);
    let want = usize::try_from(left).unwrap_or(usize::MAX).min(window);
    let mut bytes = vec![0; want];
    let mut filled = 0;
    while filled < want {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn split(mut bytes: Vec<u8>, offset: u64) -> Vec<LogLine> {
    let first = memchr::memchr(b'\n', &bytes);
    if first.is_none_or(|end| end + 1 == bytes.len()) && !bytes.is_empty() {
        // One record alone may be as long as there are: it stays where it was read.
        let (at, form, behind) = head(&bytes);
        bytes.truncate(first.unwrap_or(bytes.len()));
        bytes.drain(..behind.min(bytes.len()));
        return vec![record(at, form, bytes, offset, first.is_some())];
    }
    let mut lines = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i);
        let (when, form, behind) = head(&bytes[at..end]);
        let line = bytes[at..end].get(behind..).unwrap_or_default().to_vec();
        let place = offset + at as u64;
        lines.push(record(when, form, line, place, end < bytes.len()));
        at = end + 1;
    }
    lines
}

/// The time and the form at the beginning of a record, and where the line begins behind them.
fn head(record: &[u8]) -> (i64, LineForm, usize) {
    let digits = record
        .iter()
        .take(18)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let at = record[..digits]
        .iter()
        .fold(0, |n, b| n * 10 + i64::from(b - b'0'));
    let form = match record.get(digits) {
        Some(b'~') => LineForm::Cut,
        Some(b'_') => LineForm::Unended,
        Some(b'!') => LineForm::Note,
        _ => LineForm::Whole,
    };
    (at, form, digits + 1)
}

fn record(at: i64, form: LineForm, bytes: Vec<u8>, offset: u64, ended: bool) -> LogLine {
    let form = if ended { form } else { LineForm::Unended };
    LogLine {
        at: Timestamp(at),
        offset,
        bytes,
        form,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> File {
        let path = std::env::temp_dir().join(format!(
            "cw-log-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::write(&path, content).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file
    }

    fn texts(lines: &[LogLine]) -> Vec<String> {
        lines
            .iter()
            .map(|l| String::from_utf8_lossy(&l.bytes).into_owned())
            .collect()
    }

    #[test]
    fn an_unended_record_waits_until_the_run_is_over() {
        let log = file(b"10 one\n11 two\n12 thr");
        let (lines, next) = read_lines(&log, 0, 4096, false).unwrap();
        assert_eq!(
            (texts(&lines), next),
            (vec!["one".into(), "two".into()], 14)
        );
        assert_eq!(lines[1].at, Timestamp(11));
        let (rest, end) = read_lines(&log, next, 4096, true).unwrap();
        assert_eq!((texts(&rest), end), (vec!["thr".into()], 20));
        assert_eq!((rest[0].form, rest[0].offset), (LineForm::Unended, 14));
        assert_eq!(read_lines(&log, end, 4096, true).unwrap(), (Vec::new(), 20));
    }

    #[test]
    fn a_record_larger_than_the_window_is_read_whole() {
        let mut content = b"5 ".to_vec();
        content.extend(vec![b'x'; 100_000]);
        content.extend(b"\n6~cut\n7!note\n");
        let log = file(&content);
        let (lines, next) = read_lines(&log, 0, 4096, false).unwrap();
        assert_eq!(lines[0].bytes.len(), 100_000);
        let (rest, _) = read_lines(&log, next, 4096, false).unwrap();
        let all: Vec<_> = lines.iter().chain(&rest).map(|l| l.form).collect();
        assert_eq!(all, [LineForm::Whole, LineForm::Cut, LineForm::Note]);
    }

    #[test]
    fn a_long_record_alone_is_held_once() {
        let content = [b"5~", vec![b'x'; 100_000].as_slice(), b"\n"].concat();
        let (lines, next) = read_lines(&file(&content), 0, 4096, false).unwrap();
        assert_eq!((lines.len(), next), (1, content.len() as u64));
        assert_eq!((lines[0].form, lines[0].at), (LineForm::Cut, Timestamp(5)));
        assert_eq!(lines[0].bytes.len(), 100_000);
        // What it was read into, not a copy.
        assert!(lines[0].bytes.capacity() >= content.len());
        for (short, left) in [(&b"5"[..], 0), (b"5 ", 0), (b"x", 0), (b"5 x", 1)] {
            let (lines, _) = read_lines(&file(short), 0, 4096, true).unwrap();
            assert_eq!(lines[0].bytes.len(), left, "{short:?}");
        }
    }

    #[test]
    fn small_windows_lose_and_double_nothing() {
        let content: Vec<u8> = (0..5000)
            .flat_map(|n| format!("{n} line {n}\n").into_bytes())
            .collect();
        let log = file(&content);
        let (mut at, mut seen) = (0, Vec::new());
        loop {
            let (lines, next) = read_lines(&log, at, 4096, false).unwrap();
            if lines.is_empty() {
                break;
            }
            seen.extend(texts(&lines));
            at = next;
        }
        assert_eq!(
            seen,
            (0..5000).map(|n| format!("line {n}")).collect::<Vec<_>>()
        );
    }

    #[test]
    fn garbage_is_read_as_lines() {
        let log = file(b"\n\xff\xfe\n99999999999999999999999 x\n 3");
        let (lines, _) = read_lines(&log, 0, 4096, true).unwrap();
        assert_eq!(lines.len(), 4);
    }
}
