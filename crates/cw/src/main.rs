//! `cw`: the composition root, the only place that names concrete adapters. It decides nothing:
//! it puts a server together, and gives the command line what only the program itself can do.

mod background;
mod host;
mod pager;
mod server;

use std::process::ExitCode;

use cw_adapters::agent::drop_inherited_files;

fn main() -> ExitCode {
    // Both outlive whoever started them.
    if background::is_background()
        || std::env::args_os()
            .nth(1)
            .is_some_and(|word| word == "shim")
    {
        drop_inherited_files();
    }
    let host = host::Program::new(std::env::var_os("CW_HOME"));
    cw_cli::run(std::env::args_os(), &host)
}
