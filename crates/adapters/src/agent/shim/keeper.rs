//! Keeps one output of the agent: every line with its time, in the form of [`super::super::log`].
//! Lines go through as they come; no line is ever held in memory whole.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use cw_core::ports::agents::LineForm;

use super::super::log::form_byte;
use super::os::now_ms;

/// How much is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// What is collected before it is written, at most, in bytes.
const FLUSH: usize = 96 << 10;

/// A log up to this long is on the disk before the record of the exit is, in bytes. A longer one
/// would keep the run from ending for as long as the disk takes.
const SYNCED: u64 = 16 << 20;

/// How long a full disk is waited for before output is dropped.
const FULL_DISK_TRIES: u32 = 150;

/// Writes one log.
pub(super) struct Keeper {
    file: File,
    /// Where the next flush goes.
    flushed: u64,
    pending: Vec<u8>,
    /// Where the form byte of the open line stands.
    form_at: Option<u64>,
    /// Bytes kept and dropped of the open line.
    kept: u64,
    dropped: u64,
    line_cap: u64,
    output_cap: u64,
    /// No more is kept.
    full: bool,
}

impl Keeper {
    /// Keeps into `file`, which is empty.
    pub(super) fn new(file: File, line_cap: u64, output_cap: u64) -> Self {
        Self {
            file,
            flushed: 0,
            pending: Vec::new(),
            form_at: None,
            kept: 0,
            dropped: 0,
            line_cap,
            output_cap,
            full: false,
        }
    }

    /// Keeps everything that `from` gives; `grew` hears the length of the log after each step.
    /// Gives whether something had to be dropped because of the limit or the disk.
    pub(super) fn keep_all(mut self, mut from: impl Read, grew: &mut dyn FnMut(u64)) -> bool {
        let mut chunk = vec![0; CHUNK];
        loop {
            match from.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => self.push(now_ms(), &chunk[..n]),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            }
            grew(self.flushed);
        }
        self.finish();
        grew(self.flushed);
        self.full
    }

    fn push(&mut self, now: i64, mut chunk: &[u8]) {
        let stamp = now.to_string();
        while !chunk.is_empty() && !self.full {
            if self.form_at.is_none() {
                self.begin(&stamp, LineForm::Whole);
            }
            let line_end = memchr::memchr(b'\n', chunk);
            self.extend(&chunk[..line_end.unwrap_or(chunk.len())]);
            chunk = match line_end {
                Some(end) => {
                    self.end_line();
                    &chunk[end + 1..]
                }
                None => &[],
            };
            if self.length() > self.output_cap {
                self.give_up(&stamp, "the output limit is reached, nothing more is kept");
            }
            if self.pending.len() > FLUSH {
                self.flush();
            }
        }
        self.flush();
    }

    fn finish(&mut self) {
        if self.form_at.is_some() {
            self.mark(LineForm::Unended);
            self.end_line();
        }
        self.flush();
        if (1..=SYNCED).contains(&self.flushed) {
            let _ = self.file.sync_data();
        }
    }

    fn length(&self) -> u64 {
        self.flushed + self.pending.len() as u64
    }

    fn begin(&mut self, stamp: &str, form: LineForm) {
        self.pending.extend_from_slice(stamp.as_bytes());
        self.form_at = Some(self.length());
        self.pending.push(form_byte(form));
        self.kept = 0;
        self.dropped = 0;
    }

    fn extend(&mut self, part: &[u8]) {
        let room = usize::try_from(self.line_cap - self.kept).unwrap_or(usize::MAX);
        let fits = part.len().min(room);
        self.pending.extend_from_slice(&part[..fits]);
        self.kept += fits as u64;
        self.dropped += (part.len() - fits) as u64;
    }

    fn end_line(&mut self) {
        if self.dropped > 0 {
            self.mark(LineForm::Cut);
            let note = format!(" [cut: {} more bytes]", self.dropped);
            self.pending.extend_from_slice(note.as_bytes());
        }
        self.pending.push(b'\n');
        self.form_at = None;
    }

    /// Changes the form of the open line; readers do not look at it before its line break is there.
    fn mark(&mut self, form: LineForm) {
        let Some(at) = self.form_at else { return };
        match at
            .checked_sub(self.flushed)
            .and_then(|i| usize::try_from(i).ok())
        {
            Some(i) => self.pending[i] = form_byte(form),
            None => {
                let _ = self.file.write_all_at(&[form_byte(form)], at);
            }
        }
    }

    fn give_up(&mut self, stamp: &str, why: &str) {
        if self.form_at.is_some() {
            self.mark(LineForm::Cut);
            self.pending.push(b'\n');
        }
        self.begin(stamp, LineForm::Note);
        self.pending.extend_from_slice(why.as_bytes());
        self.pending.push(b'\n');
        self.form_at = None;
        self.full = true;
    }

    /// Writes what is pending. While the disk is full the agent waits, for a while.
    fn flush(&mut self) {
        for _ in 0..FULL_DISK_TRIES {
            match self.file.write_all_at(&self.pending, self.flushed) {
                Ok(()) => {
                    self.flushed += self.pending.len() as u64;
                    self.pending.clear();
                    return;
                }
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        }
        self.pending.clear();
        self.full = true;
        self.form_at = None;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use cw_core::ports::agents::LogLine;

    use super::super::super::log::read_lines;
    use super::*;

    fn kept(name: &str, input: &[u8], line_cap: u64, output_cap: u64) -> (Vec<LogLine>, bool) {
        let path = std::env::temp_dir().join(format!("cw-keeper-{name}-{}", std::process::id()));
        let file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let dropped = Keeper::new(file, line_cap, output_cap).keep_all(input, &mut |_| {});
        let file = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        (read_lines(&file, 0, 8 << 20, true).unwrap().0, dropped)
    }

    #[test]
    fn lines_come_back_as_they_were_printed() {
        let (lines, dropped) = kept("plain", b"one\n\n\xff\x00two\nrest", 1000, 1000);
        let bytes: Vec<_> = lines.iter().map(|l| l.bytes.as_slice()).collect();
        assert_eq!(bytes, [b"one".as_slice(), b"", b"\xff\x00two", b"rest"]);
        assert_eq!(lines[3].form, LineForm::Unended);
        assert!(lines.iter().all(|l| l.at.0 > 1_600_000_000_000) && !dropped);
    }

    #[test]
    fn a_line_over_the_cap_is_cut_and_says_so() {
        let mut input = vec![b'x'; 300_000];
        input.extend(b"\nnext\n");
        let (lines, _) = kept("long", &input, 200_000, 10 << 20);
        assert_eq!(lines[0].form, LineForm::Cut);
        let note = &lines[0].bytes[200_000..];
        assert_eq!(note, b" [cut: 100000 more bytes]");
        assert_eq!(
            (lines[1].form, lines[1].bytes.as_slice()),
            (LineForm::Whole, b"next".as_slice())
        );
    }

    #[test]
    fn output_over_the_cap_is_dropped_and_says_so() {
        let input = b"0123456789\n".repeat(1000);
        let (lines, dropped) = kept("cap", &input, 1000, 500);
        assert!(dropped);
        let last = lines.last().unwrap();
        assert_eq!(last.form, LineForm::Note);
        assert!(lines.len() < 30, "{}", lines.len());
    }

    #[test]
    fn a_million_bytes_of_line_breaks_stay_that_many_lines() {
        let (lines, _) = kept("breaks", &b"\n".repeat(20_000), 1000, 10 << 20);
        assert_eq!(lines.len(), 20_000);
    }
}
