//! Row ids and the source of chance. An id names a row inside one store; a [`Uid`] names a thing
//! across stores and repositories.

use std::fmt;

macro_rules! row_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u64);

        impl From<$name> for u64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<u64> for $name {
            fn from(raw: u64) -> Self {
                Self(raw)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

row_ids! {
    /// A registered repository.
    ProjectId,
    /// An initiative.
    InitiativeId,
    /// A phase of an initiative.
    PhaseId,
    /// A plan of a phase.
    PlanId,
    /// A task of a plan.
    TaskId,
    /// A named worker.
    AgentId,
    /// One run of an agent program.
    TurnId,
    /// A message; the number that users type.
    MessageId,
    /// One try to bring a task's work into its integration branch.
    MergeId,
    /// Something that is to be done outside.
    EffectId,
}

/// A name that comes once: 32 lower-case hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Uid(pub String);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where ids, secrets and chance come from. The real one asks the system, a simulator a seed.
pub trait Ids {
    /// A name that comes once.
    fn uid(&mut self) -> Uid;
    /// A session id in the form agent programs take: a UUID with dashes.
    fn session(&mut self) -> String;
    /// A bearer token that cannot be guessed.
    fn secret(&mut self) -> String;
    /// A number below `end` (which is not 0).
    fn below(&mut self, end: usize) -> usize;
}
