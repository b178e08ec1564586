//! The real binary on real repositories with real processes: what users are promised, told as
//! stories.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests start programs, say why they are skipped, and fail by panicking"
)]

mod agents;
mod bad_input;
mod callers;
mod claude;
mod costs;
mod ending;
mod kills;
mod kinds;
mod limits;
mod looking;
mod main_job;
mod mcp;
mod messages;
mod permissions;
mod programs;
mod sessions;
mod stage;
mod survive;
mod tokens;
