//! Refs as they stand in git's files: a look that costs no process. What is stored in any other
//! way (symbolic, in a table, broken) is left for git to answer.

use std::fs;
use std::io;
use std::path::Path;

use cw_core::domain::oid::Oid;

/// A larger list of packed refs is not read whole each time.
const MANY_PACKED: u64 = 4 * 1024 * 1024;

/// What a ref (named in full) holds; `None` when the files do not tell.
pub(super) fn read(common: &Path, name: &str) -> Option<Option<Oid>> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let own = name.starts_with("refs/heads/") || name.starts_with("refs/cw/");
    if !own || !name.split('/').all(plain) || name.contains('\0') || in_a_table(common) {
        return None;
    }
    // Loose first: git itself looks in this order, so that a ref being packed is never missed.
    match fs::read_to_string(common.join(name)) {
        Ok(text) => Oid::new(text.strip_suffix('\n')?).ok().map(Some),
        Err(e) if is_absent(&e) => packed(common, name),
        Err(_) => None,
    }
}

fn in_a_table(common: &Path) -> bool {
    common.join("reftable").exists()
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}

fn packed(common: &Path, name: &str) -> Option<Option<Oid>> {
    let path = common.join("packed-refs");
    match fs::metadata(&path) {
        Ok(found) if found.len() > MANY_PACKED => return None,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Some(None),
        _ => {}
    }
    let text = fs::read(&path).ok()?;
    for line in text.split(|b| *b == b'\n') {
        let Some(at) = line.iter().position(|b| *b == b' ') else {
            continue;
        };
        if line[at + 1..] == *name.as_bytes() && line[0] != b'#' {
            return Oid::new(std::str::from_utf8(&line[..at]).ok()?)
                .ok()
                .map(Some);
        }
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("refs/heads/main", format!("{A}\n"));
        write("refs/heads/cw/x", format!("{A}\n"));
        write("refs/heads/link", "ref: refs/heads/main\n".into());
        write("refs/heads/cut", A[..20].into());
        write(
            "packed-refs",
            format!(
                "# pack-refs with: peeled fully-peeled sorted\n{B} refs/heads/main\n{B} refs/heads/old\n^{A}\n"
            ),
        );
        folder
    }

    #[test]
    fn a_loose_ref_goes_before_a_packed_one() {
        let folder = folder();
        let read = |name| read(folder.path(), name);
        assert_eq!(read("refs/heads/main"), Some(Oid::new(A).ok()));
        assert_eq!(read("refs/heads/old"), Some(Oid::new(B).ok()));
        assert_eq!(read("refs/heads/none"), Some(None));
        assert_eq!(read("refs/heads/main/below"), Some(None));
        assert_eq!(read("refs/heads/cw"), Some(None));
    }

    #[test]
    fn what_the_files_do_not_tell_is_for_git() {
        let folder = folder();
        let read = |name| read(folder.path(), name);
        assert_eq!(read("refs/heads/link"), None);
        assert_eq!(read("refs/heads/cut"), None);
        assert_eq!(read("refs/heads/../x"), None);
        assert_eq!(read("HEAD"), None);
        fs::create_dir(folder.path().join("reftable")).unwrap();
        assert_eq!(read("refs/heads/main"), None);
    }
}
