//! What only tests use: fakes that are small worlds, the scripted model, the agent programs that tests drive.
#![expect(
    clippy::disallowed_methods,
    reason = "test-only code: starts the programs that are tested"
)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test-only code"
)]

pub mod bench;
pub mod contract;
pub mod model;
pub mod programs;
pub mod simulator;
pub mod store;
