//! The real side of the port `Agents`.
#[allow(dead_code)] mod driver;
mod log;
mod order;
mod procs;
mod run_folder;
mod shim;
mod spawn;

pub use run_folder::RunFolder;
pub use shim::shim_main;
