//! Plan files: the Markdown document, its rules, and what waits for what in it.
//!
//! It owns the grammar ([`read`], [`export`]), the rules for values ([`build`]), ids ([`slug`])
//! and the order of work ([`resolve`]). It refuses to know where a text comes from and what is
//! stored.
//!
//! The road of a file: bytes → lines → [`Section`]s → [`PlanDocument`] → [`Outline`] →
//! [`Resolved`]. A plan in another form joins as sections; stored work joins as an outline.

mod agents;
mod attributes;
mod build;
mod check;
mod cycle;
mod document;
mod error;
mod export;
mod id;
mod lines;
mod outline;
mod read;
mod resolve;
mod section;
mod values;

#[cfg(test)]
pub(crate) mod tests;

pub use agents::agent_errors;
pub use build::{build, build_task};
pub use check::{check, outline};
pub use document::{
    Choice, Initiative, Line, Phase, Plan, PlanDocument, Priority, Review, Task, TaskKind,
};
pub use error::PlanError;
pub use export::{export, task_attributes};
pub use id::{ID_BYTES, ID_CHARS, id_fault, nearest, slug};
pub use lines::normal_text;
pub use outline::{Fault, Named, Need, Outline, OutlinePhase, OutlinePlan, OutlineTask};
pub use read::{PLAN_BYTES, read, read_bytes};
pub use resolve::{Resolved, resolve};
pub use section::{Attribute, Level, Section};
pub use values::{GROUPS, TASKS, TEXT_BYTES, TITLE_CHARS};
