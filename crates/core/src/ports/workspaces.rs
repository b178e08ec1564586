//! What the use cases ask of version control: branches, worktrees, trial merges, landing.
//!
//! It owns the questions and the shapes of the answers and refuses to know how they are found:
//! no command, no ref transaction, no index. Every step may be asked for twice (a crash between
//! doing and recording) and finds its work done the second time. Paths are absolute.
//!
//! An outcome that a caller branches on is a variant of the step's own enum; a
//! [`WorkspaceError`] is for a person to read, and says whether trying again may help.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::domain::effect::LandMode;
use crate::domain::oid::Oid;
use crate::domain::time::Timestamp;

/// Something went wrong that no use case branches on.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{what}")]
pub struct WorkspaceError {
    /// What could not be done.
    pub what: String,
    /// Why, as far as it is known: bounded, and untrusted text.
    pub cause: String,
    /// What helps; empty when nothing is known to.
    pub hint: String,
    /// The same call may succeed later: a lock was held, a process was killed, time ran out.
    pub transient: bool,
}

/// What a folder turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Inspection {
    /// No repository holds it.
    NotARepository,
    /// A repository without a checkout.
    Bare,
    /// Its path is one that cannot be worked with.
    OddPath {
        /// What is odd about it.
        why: String,
    },
    /// The installed git is older than what is needed.
    GitTooOld {
        /// The version found.
        found: String,
        /// The version needed.
        needed: String,
    },
    /// A repository with a checkout.
    Repository(Repository),
}

/// A repository with a checkout, as found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repository {
    /// The folder of the main checkout, also when asked from inside a linked worktree.
    pub root: PathBuf,
    /// The git folder that all worktrees share.
    pub git_dir: PathBuf,
    /// The branch that the main checkout is on; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// The commit that the main checkout is on; `None` before the first commit.
    pub head: Option<Oid>,
    /// Asked from inside a linked worktree.
    pub linked: bool,
    /// A branch named `cw` exists, which leaves no room for branches named `cw/…`.
    pub cw_branch_in_the_way: bool,
}

/// The message of a commit that is made for somebody.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CommitMessage {
    /// The first line.
    pub subject: String,
    /// The text below it; may be empty.
    pub body: String,
    /// Trailers, in order: name and value.
    pub trailers: Vec<(String, String)>,
}

/// Asks for an integration branch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CutBranch {
    /// The main checkout.
    pub repo: PathBuf,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// Where it begins.
    pub at: Oid,
    /// Where it stands according to the records, when it was cut before.
    pub expected: Option<Oid>,
}

/// How cutting a branch ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cut {
    /// It is new.
    Created,
    /// It is there, where it is expected.
    Already {
        /// Where it stands.
        tip: Oid,
    },
    /// A branch of that name exists that is not known.
    Foreign {
        /// Where it stands.
        tip: Oid,
    },
    /// Another branch's name leaves no room for this one.
    Blocked {
        /// That branch.
        by: String,
    },
}

/// Asks for an agent's worktree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepare {
    /// The main checkout.
    pub repo: PathBuf,
    /// Where the worktree belongs; below the folder of worktrees.
    pub path: PathBuf,
    /// The agent's branch.
    pub branch: String,
    /// Where the branch begins when it does not exist or has no work of its own.
    pub start: Oid,
    /// Untracked files of the main checkout to copy: patterns relative to its root.
    pub copy: Vec<String>,
    /// Where refs to kept work go: `refs/cw/kept/<initiative>/<agent>`.
    pub kept: String,
    /// The time of what is kept.
    pub at: Timestamp,
}

/// A worktree that an agent can start in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepared {
    /// The branch's commit.
    pub head: Oid,
    /// No turn was collected from it since it was made: its setup commands are owed, and after a
    /// crash owed again.
    pub fresh: bool,
    /// The files that were copied in, now or before.
    pub copied: Vec<String>,
    /// Refs that keep what was found at the path and did not belong there.
    pub kept: Vec<String>,
}

/// Asks for the integration tip to be merged into a task's own worktree (a bounce).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergeInto {
    /// The main checkout.
    pub repo: PathBuf,
    /// The agent's worktree.
    pub path: PathBuf,
    /// The agent's branch.
    pub branch: String,
    /// The integration tip.
    pub tip: Oid,
    /// The message of the merge.
    pub message: CommitMessage,
    /// The time of the commits made.
    pub at: Timestamp,
    /// Where refs to kept work go: `refs/cw/kept/<initiative>/<agent>`.
    pub kept: String,
}

/// What a bounce left in the worktree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MergedInto {
    /// Merged and committed (or contained before).
    Clean {
        /// The branch's commit.
        head: Oid,
    },
    /// Conflicts stand in the worktree, uncommitted.
    Conflicted {
        /// The files in conflict.
        paths: Vec<String>,
    },
}

/// Asks for what an agent left at the end of a turn to be committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collect {
    /// The main checkout.
    pub repo: PathBuf,
    /// The agent's worktree.
    pub path: PathBuf,
    /// The agent's branch.
    pub branch: String,
    /// What the work is compared with: where the worktree started, or the integration tip.
    pub base: Oid,
    /// The message of a commit, if one is needed.
    pub message: CommitMessage,
    /// The time of a commit.
    pub at: Timestamp,
    /// Where refs to kept work go: `refs/cw/kept/<initiative>/<agent>`.
    pub kept: String,
}

/// What an agent left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collected {
    /// The branch's commit.
    pub head: Oid,
    /// A commit was made by this call.
    pub committed: bool,
    /// The branch has commits that the base has not.
    pub ahead: bool,
    /// Files still in conflict. Then nothing was committed: the state stays in the worktree, a
    /// copy stands under `kept`.
    pub unresolved: Vec<String>,
    /// The tip that the bounce merged in is not part of the work any more.
    pub merge_dropped: bool,
    /// Refs that keep what is not on the branch.
    pub kept: Vec<String>,
    /// What a person should know: a branch left aside, a nested repository not committed.
    pub notes: Vec<String>,
}

impl Collected {
    /// The work may be offered to the merge lane.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        self.unresolved.is_empty() && !self.merge_dropped
    }
}

/// Asks whether work merges, touching no worktree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trial {
    /// The main checkout.
    pub repo: PathBuf,
    /// The integration tip (or the candidate before this one).
    pub tip: Oid,
    /// The work.
    pub head: Oid,
    /// The merge's message.
    pub message: CommitMessage,
    /// The merge's time; the same question makes the same commit.
    pub at: Timestamp,
}

/// How a trial ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trialled {
    /// The tip contains the work.
    AlreadyIn,
    /// It merges.
    Clean {
        /// The merged tree.
        tree: Oid,
        /// The merge commit; no branch points at it yet.
        commit: Oid,
    },
    /// It does not.
    Conflict {
        /// The files in conflict.
        paths: Vec<String>,
        /// What git says about them.
        messages: Vec<String>,
    },
}

/// Asks for the integration branch to move.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advance {
    /// The main checkout.
    pub repo: PathBuf,
    /// The integration branch.
    pub branch: String,
    /// Where it must stand.
    pub old: Oid,
    /// Where it goes.
    pub new: Oid,
    /// The ref that records the merge, created in the same step: `refs/cw/merged/…`.
    pub merged_ref: String,
}

/// How moving the integration branch ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Advanced {
    /// It moved.
    Moved,
    /// It had moved before.
    Already,
    /// Somebody else moved it.
    MovedByOthers {
        /// Where it stands; `None` when it is gone.
        now: Option<Oid>,
    },
    /// A worktree has it checked out; moving it would leave staged reversals there.
    CheckedOut {
        /// That worktree.
        path: PathBuf,
    },
}

/// Asks for a worktree that holds exactly one commit, for gates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateCheckout {
    /// The main checkout.
    pub repo: PathBuf,
    /// Where it belongs; below the folder of worktrees. Used again from run to run.
    pub path: PathBuf,
    /// The commit.
    pub commit: Oid,
    /// Untracked files of the main checkout to copy: patterns relative to its root.
    pub copy: Vec<String>,
}

/// Asks for an agent's worktree to be taken away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// The main checkout.
    pub repo: PathBuf,
    /// The worktree.
    pub path: PathBuf,
    /// The agent's branch, which stays.
    pub branch: String,
    /// Where refs to kept work go: `refs/cw/kept/<initiative>/<agent>`.
    pub kept: String,
    /// Commits that only the agent's branch leads to are kept as well: they are merged nowhere.
    pub unmerged: bool,
    /// The time of a snapshot.
    pub at: Timestamp,
}

/// A worktree that was taken away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Released {
    /// Refs that keep what was not on the branch.
    pub kept: Vec<String>,
}

/// Asks for the integration branch to reach its base.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Land {
    /// The main checkout.
    pub repo: PathBuf,
    /// The base branch.
    pub base: String,
    /// The integration tip.
    pub tip: Oid,
    /// How.
    pub mode: LandMode,
    /// The message of a merge.
    pub message: CommitMessage,
    /// The time of a merge.
    pub at: Timestamp,
}

/// How landing ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Landed {
    /// The base moved.
    Landed {
        /// Where it stands.
        commit: Oid,
    },
    /// The base contained it before.
    Already {
        /// Where the base stands.
        commit: Oid,
    },
    /// The base's checkout has changes, or files that would be overwritten.
    Dirty {
        /// That checkout.
        path: PathBuf,
        /// The files.
        files: Vec<String>,
    },
    /// The base's checkout is in the middle of something.
    Busy {
        /// That checkout.
        path: PathBuf,
        /// Of what: `merge`, `rebase` …
        operation: String,
    },
    /// The base has commits of its own.
    NotFastForward,
    /// It does not merge.
    Conflict {
        /// The files in conflict.
        paths: Vec<String>,
    },
    /// There is no such base branch.
    NoBase,
}

/// Asks for the ad-hoc integration branch to be brought up to its base.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyncBranch {
    /// The main checkout.
    pub repo: PathBuf,
    /// The integration branch; created when it does not exist.
    pub branch: String,
    /// The base's commit.
    pub to: Oid,
    /// The message of a merge.
    pub message: CommitMessage,
    /// The time of a merge.
    pub at: Timestamp,
}

/// How bringing a branch up to its base ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Synced {
    /// It contains the base.
    UpToDate {
        /// Where it stands.
        tip: Oid,
    },
    /// It was created or moved.
    Moved {
        /// Where it stands.
        tip: Oid,
    },
    /// Its own work does not merge with the base.
    Conflict {
        /// The files in conflict.
        paths: Vec<String>,
    },
    /// A worktree has it checked out.
    CheckedOut {
        /// That worktree.
        path: PathBuf,
    },
}

/// The form of a preview.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DiffForm {
    /// The patch.
    #[default]
    Patch,
    /// The summary by file.
    Stat,
    /// The names of the changed files.
    Names,
}

/// Asks for a preview of what a merge would bring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preview {
    /// The main checkout.
    pub repo: PathBuf,
    /// The integration tip.
    pub tip: Oid,
    /// The work.
    pub head: Oid,
    /// What it looks like.
    pub form: DiffForm,
    /// With escape sequences for colour.
    pub colour: bool,
    /// Only these paths; all when empty.
    pub paths: Vec<String>,
    /// At most this many bytes.
    pub limit: usize,
}

/// A preview of what a merge would bring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diff {
    /// The text, as bytes: paths and contents need not be UTF-8.
    pub text: Vec<u8>,
    /// There is more than the limit allowed.
    pub truncated: bool,
    /// The work conflicts with the tip: shown is the work against its own starting point.
    pub conflicting: bool,
}

/// One worktree of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Worktree {
    /// Its folder.
    pub path: PathBuf,
    /// The branch it is on; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// The commit it is on.
    pub head: Option<Oid>,
    /// It holds uncommitted changes.
    pub dirty: bool,
    /// Bytes on disk, ignored files included.
    pub bytes: u64,
    /// The folder is gone.
    pub missing: bool,
}

/// Work kept aside under a ref.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The ref.
    pub name: String,
    /// Its commit.
    pub commit: Oid,
}

/// Asks where a commit or a line came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OriginOf {
    /// A commit, in a user's words.
    Revision(String),
    /// A line of a file, as it was last committed.
    Line {
        /// The file, relative to the folder that is asked from.
        path: String,
        /// The line, from 1.
        line: u32,
        /// The revision that is looked at; `None`: the checkout's files as they lie there.
        at: Option<String>,
    },
}

/// A commit, as far as the repository tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The commit.
    pub commit: Oid,
    /// Its first line.
    pub subject: String,
    /// When it was made.
    pub at: Timestamp,
    /// Its trailers, in order: name and value.
    pub trailers: Vec<(String, String)>,
    /// The text of the line that was asked for.
    pub line: Option<String>,
}

/// Version control, one method for each step of the work. Blocking; callable from many threads.
/// Never touches a branch outside `cw/`, a worktree outside its own folder, or the user's stash;
/// only [`Workspaces::land`] moves a base branch.
pub trait Workspaces: Send + Sync {
    /// What the folder is.
    fn inspect(&self, dir: &Path) -> Result<Inspection, WorkspaceError>;
    /// The commit that a user's words name, if there is one.
    fn resolve(&self, repo: &Path, revision: &str) -> Result<Option<Oid>, WorkspaceError>;
    /// Creates an integration branch.
    fn cut_branch(&self, ask: &CutBranch) -> Result<Cut, WorkspaceError>;
    /// Makes an agent's worktree, or finds it again and mends it.
    fn prepare(&self, ask: &Prepare) -> Result<Prepared, WorkspaceError>;
    /// Merges the integration tip into a task's worktree, conflict markers left in place.
    fn merge_into(&self, ask: &MergeInto) -> Result<MergedInto, WorkspaceError>;
    /// Commits what an agent left and says how its branch stands. The agent must have ended.
    fn collect(&self, ask: &Collect) -> Result<Collected, WorkspaceError>;
    /// Tries a merge and makes its commit.
    fn trial(&self, ask: &Trial) -> Result<Trialled, WorkspaceError>;
    /// Moves the integration branch and records the merge, in one step.
    fn advance(&self, ask: &Advance) -> Result<Advanced, WorkspaceError>;
    /// Makes a worktree hold exactly one commit (ignored files stay, as caches). The caller uses
    /// one path for one gate at a time.
    fn gate_checkout(&self, ask: &GateCheckout) -> Result<(), WorkspaceError>;
    /// Takes a worktree away; what it holds is kept, its branch stays.
    fn release(&self, ask: &Release) -> Result<Released, WorkspaceError>;
    /// Brings the integration branch to its base.
    fn land(&self, ask: &Land) -> Result<Landed, WorkspaceError>;
    /// Brings the ad-hoc integration branch up to its base.
    fn sync_branch(&self, ask: &SyncBranch) -> Result<Synced, WorkspaceError>;
    /// Shows what a merge would bring.
    fn preview(&self, ask: &Preview) -> Result<Diff, WorkspaceError>;
    /// Our worktrees of this repository.
    fn worktrees(&self, repo: &Path) -> Result<Vec<Worktree>, WorkspaceError>;
    /// Kept work below a prefix such as `refs/cw/kept/<initiative>/<agent>`, oldest first.
    fn kept(&self, repo: &Path, prefix: &str) -> Result<Vec<Kept>, WorkspaceError>;
    /// Where a branch stands, if it exists.
    fn branch_tip(&self, repo: &Path, branch: &str) -> Result<Option<Oid>, WorkspaceError>;
    /// The worktree that has the branch checked out, if one has.
    fn checked_out_at(&self, repo: &Path, branch: &str) -> Result<Option<PathBuf>, WorkspaceError>;
    /// `old` is `new` or an ancestor of it.
    fn is_ancestor(&self, repo: &Path, old: &Oid, new: &Oid) -> Result<bool, WorkspaceError>;
    /// How many commits `head` has that `base` has not.
    fn commits_between(&self, repo: &Path, base: &Oid, head: &Oid) -> Result<u64, WorkspaceError>;
    /// Where a commit or a line came from; `dir` is any folder of a checkout. `None`: there is no
    /// such commit, file or line, or the line is not committed.
    fn origin(&self, dir: &Path, ask: &OriginOf) -> Result<Option<Origin>, WorkspaceError>;
    /// Deletes for good what was released before `before`.
    fn empty_trash(&self, repo: &Path, before: Timestamp) -> Result<(), WorkspaceError>;
}
