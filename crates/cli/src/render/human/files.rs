//! The file folder.

use crate::render::page::Page;
use crate::render::{amount, escape};
use cw_wire::files::FolderList;

/// Draws a list.
pub(crate) fn list(answer: &FolderList, page: &mut Page) {
    if answer.folders.is_empty() {
        return page.faint("no file folders");
    }
    for folder in &answer.folders {
        page.heading(&folder.project, &folder.path);
        let state = if folder.enabled {
            "kept up"
        } else {
            "not kept up"
        };
        page.field("state", state);
        page.field("files", &folder.files.to_string());
        page.field("pending", &folder.pending.to_string());
        let scanned = folder
            .scanned_at
            .as_deref()
            .map(|at| amount::age(at, page.now));
        page.maybe("scanned", scanned.as_deref());
        for problem in &folder.problems {
            page.line(format!(
                "  ! {}: {}",
                escape::line(&problem.path),
                escape::line(&problem.message)
            ));
        }
    }
}
