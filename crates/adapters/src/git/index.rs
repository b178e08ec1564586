//! What git's index says of its entries that would cost a command each time: which are in
//! conflict, which are told not to be looked at, which are links to submodules.
//!
//! It reads the file as gitformat-index(5) describes it, and changes nothing. What it cannot read
//! is for git to judge.

use std::fs;
use std::path::Path;

/// Facts of one index.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Some path is in conflict.
    pub(super) unmerged: bool,
    /// Some entries may be marked so that git does not look at their files (assume-unchanged,
    /// skip-worktree).
    pub(super) hides: bool,
    /// Part of the index stands in another file: nothing is sure of what is not said here.
    pub(super) split: bool,
    /// The paths that are links to commits of other repositories.
    pub(super) links: Vec<Vec<u8>>,
}

const HEADER: usize = 12;
/// An entry up to its object name: times, device, inode, mode, owner, size.
const STAT: usize = 40;
const MODE: usize = 24;

const ASSUME_UNCHANGED: u16 = 0x8000;
const EXTENDED: u16 = 0x4000;
const STAGE: u16 = 0x3000;
const SKIP_WORKTREE: u16 = 0x4000;
const LINK: u32 = 0o160_000;
const TYPE: u32 = 0o170_000;

impl Index {
    /// Reads an index whose object names have `oid` bytes; none when it is not there or is not as
    /// described.
    pub(super) fn read(file: &Path, oid: usize) -> Option<Self> {
        Self::parse(&fs::read(file).ok()?, oid)
    }

    fn parse(bytes: &[u8], oid: usize) -> Option<Self> {
        let end = bytes.len().checked_sub(oid)?;
        let bytes = &bytes[..end];
        if bytes.get(..4)? != b"DIRC" {
            return None;
        }
        let version = word(bytes, 4)?;
        let count = word(bytes, 8)?;
        let mut found = Self::default();
        let (mut at, mut name) = (HEADER, Vec::new());
        for _ in 0..count {
            at = found.entry(bytes, at, version, oid, &mut name)?;
        }
        found.split = is_split(bytes, at)?;
        Some(found)
    }

    /// Takes in the entry at `at`; gives where the next one begins. `name` is the path before,
    /// and becomes this one's.
    fn entry(
        &mut self,
        bytes: &[u8],
        at: usize,
        version: u32,
        oid: usize,
        name: &mut Vec<u8>,
    ) -> Option<usize> {
        let flags = half(bytes, at + STAT + oid)?;
        let mut next = at + STAT + oid + 2;
        let mut skips = false;
        if flags & EXTENDED != 0 {
            skips = half(bytes, next)? & SKIP_WORKTREE != 0;
            next += 2;
        }
        if version == 4 {
            let (strip, after) = offset(bytes, next)?;
            name.truncate(name.len().checked_sub(strip)?);
            next = after;
        } else {
            name.clear();
        }
        let length = bytes.get(next..)?.iter().position(|b| *b == 0)?;
        name.extend_from_slice(&bytes[next..next + length]);
        next += length + 1;
        if version != 4 {
            // Padded with zero bytes to a multiple of eight.
            next = at + (next - at).next_multiple_of(8);
        }
        self.unmerged |= flags & STAGE != 0;
        self.hides |= skips || flags & ASSUME_UNCHANGED != 0;
        if word(bytes, at + MODE)? & TYPE == LINK && self.links.last() != Some(name) {
            self.links.push(name.clone());
        }
        Some(next)
    }
}

/// Whether an extension says that entries stand in another file.
fn is_split(bytes: &[u8], mut at: usize) -> Option<bool> {
    while at + 8 <= bytes.len() {
        if &bytes[at..at + 4] == b"link" {
            return Some(true);
        }
        at = at
            .checked_add(8)?
            .checked_add(word(bytes, at + 4)? as usize)?;
    }
    Some(false)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(four))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let two: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(two))
}

/// A number of variable length, as in a pack's delta offsets, and where it ends.
fn offset(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut byte = *bytes.get(at)?;
    let mut value = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        at += 1;
        byte = *bytes.get(at)?;
        value = value
            .checked_add(1)?
            .checked_mul(128)?
            .checked_add(usize::from(byte & 0x7f))?;
    }
    Some((value, at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry of version 2 or 3.
    fn entry(name: &str, mode: u32, flags: u16, extended: Option<u16>) -> Vec<u8> {
        let mut bytes = vec![0; STAT + 20];
        bytes[MODE..MODE + 4].copy_from_slice(&mode.to_be_bytes());
        bytes.extend((flags | if extended.is_some() { EXTENDED } else { 0 }).to_be_bytes());
        bytes.extend(extended.iter().flat_map(|flags| flags.to_be_bytes()));
        bytes.extend(name.bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    fn index(version: u32, entries: &[Vec<u8>], rest: &[u8]) -> Vec<u8> {
        let count = u32::try_from(entries.len()).unwrap();
        let head = [*b"DIRC", version.to_be_bytes(), count.to_be_bytes()].concat();
        [head, entries.concat(), rest.to_vec(), vec![0; 20]].concat()
    }

    #[test]
    fn plain_entries_say_nothing() {
        let bytes = index(
            2,
            &[
                entry("a", 0o100_644, 1, None),
                entry("sub", 0o160_000, 3, None),
            ],
            b"TREE\0\0\0\x02xx",
        );
        let read = Index::parse(&bytes, 20).unwrap();
        assert_eq!(read.links, [b"sub".to_vec()]);
        assert!(!read.unmerged && !read.hides);
    }

    #[test]
    fn what_is_in_conflict_or_hidden_is_told() {
        let of = |version, entry| Index::parse(&index(version, &[entry], b""), 20).unwrap();
        assert!(of(2, entry("a", 0o100_644, 0x2001, None)).unmerged);
        assert!(of(2, entry("a", 0o100_644, 0x8001, None)).hides);
        assert!(of(3, entry("a", 0o100_644, 1, Some(SKIP_WORKTREE))).hides);
        let intent_to_add = of(3, entry("a", 0o100_644, 1, Some(0x2000)));
        assert!(!intent_to_add.hides);
        let split = index(2, &[], b"link\0\0\0\0");
        assert!(Index::parse(&split, 20).unwrap().split);
    }

    #[test]
    fn names_of_version_4_are_put_together() {
        let mut one = entry("dir/sub", 0o160_000, 7, None);
        one.truncate(STAT + 20 + 2);
        let two = one.clone();
        one.extend(b"\0dir/sub\0");
        let bytes = index(4, &[one, [two, b"\x03two\0".to_vec()].concat()], b"");
        let read = Index::parse(&bytes, 20).unwrap();
        assert_eq!(read.links, [b"dir/sub".to_vec(), b"dir/two".to_vec()]);
    }

    #[test]
    fn what_is_no_index_is_not_judged() {
        for bytes in [&b""[..], b"DIRC", &index(2, &[], b"")[..14], &[0; 64]] {
            assert_eq!(Index::parse(bytes, 20), None);
        }
        let cut = index(2, &[entry("a", 0o100_644, 1, None)], b"");
        assert_eq!(Index::parse(&cut[..cut.len() - 30], 20), None);
    }
}
