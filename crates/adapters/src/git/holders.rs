//! Which living process has a file open, or is a git at work in a folder. Linux only, from
//! `/proc`; elsewhere nothing is found and the callers' waiting times must do.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A process has exactly this file open.
pub(super) fn has_open(file: &Path) -> bool {
    let Ok(wanted) = fs::metadata(file) else {
        return false;
    };
    processes().any(|process| {
        let Ok(open) = fs::read_dir(process.join("fd")) else {
            return false;
        };
        open.flatten().any(|fd| {
            fs::metadata(fd.path())
                .is_ok_and(|found| found.ino() == wanted.ino() && found.dev() == wanted.dev())
        })
    })
}

/// A git has its working folder at or below `folder`.
pub(super) fn git_at_work_in(folder: &Path) -> bool {
    processes().any(|process| {
        fs::read_to_string(process.join("comm")).is_ok_and(|name| name.starts_with("git"))
            && fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    })
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let numbered = |entry: &fs::DirEntry| {
        entry
            .file_name()
            .as_encoded_bytes()
            .iter()
            .all(u8::is_ascii_digit)
    };
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(numbered)
        .map(|entry| entry.path())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn an_open_file_has_a_holder_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.lock");
        let open = fs::File::create(&path).unwrap();
        assert!(has_open(&path));
        drop(open);
        assert!(!has_open(&path));
    }
}
