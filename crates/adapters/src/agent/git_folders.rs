//! Where git keeps what belongs to a worktree but lies outside it: programs that fence themselves in must be told. Reads
//! two small files that git writes; asks no git.

use std::fs;
use std::path::{Path, PathBuf};

/// The worktree's own folder of git and the repository's, as far as they lie outside `worktree`.
pub(super) fn outside(worktree: &Path) -> Vec<PathBuf> {
    let Some(own) = pointer(&worktree.join(".git"), "gitdir: ") else {
        return Vec::new();
    };
    let own = worktree.join(own);
    let mut folders = vec![own.clone()];
    if let Some(common) = pointer(&own.join("commondir"), "") {
        folders.push(own.join(common));
    }
    folders
        .iter()
        .filter_map(|folder| folder.canonicalize().ok())
        .collect()
}

/// The path that the file at `file` holds behind `prefix`.
fn pointer(file: &Path, prefix: &str) -> Option<PathBuf> {
    let text = fs::read_to_string(file).ok()?;
    let path = text.strip_prefix(prefix)?.trim_end_matches(['\n', '\r']);
    (!path.is_empty()).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linked_worktree_has_two_folders_outside() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        let own = root.join("repo/.git/worktrees/soho");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        let tree = root.join("tree");
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join(".git"), format!("gitdir: {}\n", own.display())).unwrap();
        assert_eq!(outside(&tree), [own, root.join("repo/.git")]);
    }

    #[test]
    fn a_plain_repository_and_a_plain_folder_have_none() {
        let home = tempfile::tempdir().unwrap();
        assert!(outside(home.path()).is_empty());
        fs::create_dir(home.path().join(".git")).unwrap();
        assert!(outside(home.path()).is_empty());
    }
}
