//! How answers look to a person, a file per noun.

pub(crate) mod agent;
pub(crate) mod cost;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod files;
pub(crate) mod initiative;
pub(crate) mod merge;
pub(crate) mod message;
pub(crate) mod plan;
pub(crate) mod project;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod task;
pub(crate) mod why;
pub(crate) mod worktree;

/// Whether things of more than one kind are in a list, so that the kind is worth a column.
pub(crate) fn differ<T>(all: &[T], key: impl Fn(&T) -> Option<&str>) -> bool {
    all.windows(2).any(|pair| key(&pair[0]) != key(&pair[1]))
}

#[cfg(test)]
mod tests;
