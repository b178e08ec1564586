//! What the command line needs from the program around it.
//!
//! It owns the list of those needs and nothing else: starting processes, serving, making
//! repositories and telling the time are done by the binary.

use cw_wire::ErrorView;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The program around the command line.
pub trait Host {
    /// The program's version, as `cw --version` shows it.
    fn version(&self) -> &'static str;

    /// The path of this very program, for commands that are written into files.
    fn program(&self) -> PathBuf;

    /// The path of the server's socket.
    fn socket(&self) -> PathBuf;

    /// The folder of the server's log files; the one changed last is the current one.
    fn logs(&self) -> PathBuf;

    /// The present time.
    fn now(&self) -> SystemTime;

    /// Starts a server in the background and returns once it answers.
    ///
    /// # Errors
    /// `unreachable` when it does not come up; its cause shows the last lines of the log.
    fn start_server(&self, listen: Option<&str>) -> Result<(), ErrorView>;

    /// Serves in the foreground until it is told to stop; agents then go on, unless
    /// `stop_agents`.
    ///
    /// # Errors
    /// `refused` when one runs already; whatever keeps it from serving otherwise.
    fn serve(&self, listen: Option<&str>, stop_agents: bool) -> Result<(), ErrorView>;

    /// Stands between the server and one agent's turn, whose run folder is the first argument;
    /// returns the exit code.
    fn shim(&self, args: &[OsString]) -> u8;

    /// Shows a text through a pager command line (`less -FRX`), with standard output inherited.
    ///
    /// # Errors
    /// When the pager cannot be started; the text is then written out plainly.
    fn page(&self, command: &str, text: &str) -> std::io::Result<()>;

    /// Makes a git repository (branch `main`) out of a folder, with its files in one commit.
    ///
    /// # Errors
    /// When git refuses.
    fn demo_repository(&self, dir: &Path) -> Result<(), ErrorView>;

    /// The same program with all its data under another folder, as if `CW_HOME` were set to it.
    fn at_home(&self, home: &Path) -> Box<dyn Host>;
}
