//! Real processes behind real shims. The test binary is also the shim (`… shim RUN-DIR`, as the
//! adapter starts it) and the agents that misbehave (`… agent WHAT`), so it has a `main` of its
//! own; `cargo test` and nextest both run it.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test, and agents that start processes and print are what is tested"
)]

#[path = "shim/agents.rs"]
mod agents;
#[path = "shim/hostile.rs"]
mod hostile;
#[path = "shim/kinds.rs"]
mod kinds;
#[path = "shim/life.rs"]
mod life;
#[path = "shim/real.rs"]
mod real;
#[path = "shim/talk.rs"]
mod talk;
#[path = "shim/world.rs"]
mod world;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        Some("shim") => {
            let code = cw_adapters::agent::shim_main(Path::new(&words[2]));
            std::process::exit(code);
        }
        Some("agent") => agents::play(&words[2]),
        _ => {}
    }
    let trials = [
        life::trials(),
        hostile::trials(),
        talk::trials(),
        kinds::trials(),
        real::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
