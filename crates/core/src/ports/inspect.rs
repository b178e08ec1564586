//! Looking in on agent programs without touching their work: what version one is, what a running
//! tree of processes takes, how a session is opened by hand. Asked on demand, never to decide.

use std::ffi::OsString;
use std::time::Duration;

use super::agents::RunId;

/// A program as its configuration names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Program {
    /// Its kind.
    pub kind: String,
    /// Program and leading arguments; empty means the kind's own program.
    pub words: Vec<OsString>,
    /// Environment variables of its configuration.
    pub env: Vec<(String, String)>,
}

/// What a program says of its version. Texts are bounded and must not be trusted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Version {
    /// The number.
    pub number: String,
    /// The versions of this program that `cw` was tested with; none: it is not known here.
    pub tested: Vec<String>,
}

impl Version {
    /// Whether `cw` was tested with exactly this one.
    #[must_use]
    pub fn is_tested(&self) -> bool {
        self.tested.contains(&self.number)
    }
}

/// What a tree of processes takes just now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TreeUse {
    /// Processor time so far, with that of children that have ended.
    pub cpu: Duration,
    /// Resident memory, in bytes; what processes share counts in each.
    pub bytes: u64,
    /// Processes.
    pub processes: u32,
}

/// Looks in on programs and runs. Every method blocks; none takes longer than seconds.
pub trait Inspect: Send + Sync {
    /// What version a program is; `None` when it does not tell in time.
    fn version(&self, program: &Program) -> Option<Version>;

    /// What the run's whole tree takes; `None` when none is there, or the system does not tell.
    fn usage(&self, run: &RunId) -> Option<TreeUse>;

    /// The words that open a session in the program's own interface; `None` where there is none.
    fn interface(&self, program: &Program, session: &str) -> Option<Vec<OsString>>;
}
