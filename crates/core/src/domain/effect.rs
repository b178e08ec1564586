//! What is to be done outside. An effect is a row: it is saved with the decision that wants it
//! and goes away in the transaction that takes its outcome in.
//!
//! It may be performed more than once (a crash between doing and saving), so it carries ids only:
//! every name that its performer needs follows from them.

use super::ids::{AgentId, EffectId, InitiativeId, MergeId, MessageId, TurnId};
use super::time::Timestamp;

/// One thing to be done outside.
#[derive(Clone, PartialEq, Debug)]
pub struct Effect {
    /// Its row.
    pub id: EffectId,
    /// What is to be done.
    pub kind: EffectKind,
    /// How often it failed for a passing reason.
    pub tries: u32,
    /// Backoff: not performed before this time.
    pub not_before: Option<Timestamp>,
}

/// The kinds of things done outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EffectKind {
    /// Create the integration branch at the base.
    CutBranch(InitiativeId),
    /// Bring the ad-hoc integration branch up to its base.
    SyncAdhoc(InitiativeId),
    /// Make the agent's worktree ready for the turn.
    Prepare(TurnId),
    /// Start the agent program under its shim.
    StartTurn(TurnId),
    /// End the whole process tree of the turn.
    StopTurn(TurnId),
    /// Pass the answer on to the agent program that asked.
    Reply(MessageId),
    /// Hand a note to the agent program at work.
    Pass(MessageId),
    /// Commit what the agent left and look at its branch.
    Collect(TurnId),
    /// Try the merge and make its commit.
    Trial(MergeId),
    /// Run the gates on the merged tree.
    Gate(MergeId),
    /// Move the integration branch.
    Advance(MergeId),
    /// Take the agent's worktree away, keeping what it holds.
    Release(AgentId),
    /// Bring the integration branch to its base.
    Land(InitiativeId, LandMode),
}

/// How an initiative lands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LandMode {
    /// Only by moving the base forward.
    FastForward,
    /// By a merge commit.
    MergeCommit,
}

impl EffectKind {
    /// The kind's word in the store and in events.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CutBranch(_) => "cut-branch",
            Self::SyncAdhoc(_) => "sync-adhoc",
            Self::Prepare(_) => "prepare",
            Self::StartTurn(_) => "start-turn",
            Self::StopTurn(_) => "stop-turn",
            Self::Reply(_) => "reply",
            Self::Pass(_) => "pass",
            Self::Collect(_) => "collect",
            Self::Trial(_) => "trial",
            Self::Gate(_) => "gate",
            Self::Advance(_) => "advance",
            Self::Release(_) => "release",
            Self::Land(_, LandMode::FastForward) => "land",
            Self::Land(_, LandMode::MergeCommit) => "land-merge",
        }
    }

    /// The id of what it is about.
    #[must_use]
    pub fn subject(self) -> u64 {
        match self {
            Self::CutBranch(id) | Self::SyncAdhoc(id) | Self::Land(id, _) => id.0,
            Self::Prepare(id) | Self::StartTurn(id) | Self::StopTurn(id) | Self::Collect(id) => {
                id.0
            }
            Self::Trial(id) | Self::Gate(id) | Self::Advance(id) => id.0,
            Self::Release(id) => id.0,
            Self::Reply(id) | Self::Pass(id) => id.0,
        }
    }

    /// The kind with this word about this subject.
    #[must_use]
    pub fn from_word(word: &str, subject: u64) -> Option<Self> {
        Some(match word {
            "cut-branch" => Self::CutBranch(subject.into()),
            "sync-adhoc" => Self::SyncAdhoc(subject.into()),
            "prepare" => Self::Prepare(subject.into()),
            "start-turn" => Self::StartTurn(subject.into()),
            "stop-turn" => Self::StopTurn(subject.into()),
            "reply" => Self::Reply(subject.into()),
            "pass" => Self::Pass(subject.into()),
            "collect" => Self::Collect(subject.into()),
            "trial" => Self::Trial(subject.into()),
            "gate" => Self::Gate(subject.into()),
            "advance" => Self::Advance(subject.into()),
            "release" => Self::Release(subject.into()),
            "land" => Self::Land(subject.into(), LandMode::FastForward),
            "land-merge" => Self::Land(subject.into(), LandMode::MergeCommit),
            _ => return None,
        })
    }
}
