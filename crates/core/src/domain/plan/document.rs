//! A plan as a value: what was written, with defaults filled in. Refuses to know files, what is
//! stored, and what has become of the work.

use crate::domain::duration::Seconds;
use crate::domain::money::Usd;

/// A line of the source, counted from 1; 0 when there is no source. It says where something
/// stands, not what it is: any two are equal, so that a plan read again equals itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line(pub u32);

impl PartialEq for Line {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Line {}

/// A whole plan file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PlanDocument {
    /// The `#` heading.
    pub initiative: Initiative,
    /// The `##` headings in written order.
    pub phases: Vec<Phase>,
}

/// The initiative of a plan file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Initiative {
    /// The id that users write.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What stands under its heading, in the normal form of [`super::normal_text`].
    pub text: String,
    /// The branch it starts from; `None`: the project's.
    pub base: Option<String>,
    /// How many agents may work at once; `None`: the project's.
    pub agents: Option<u32>,
    /// Money it may use; `None`: the project's.
    pub budget: Option<Usd>,
    /// Where its heading stands.
    pub line: Line,
    /// Where its `budget` stands.
    pub budget_line: Line,
}

/// A phase of a plan file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Phase {
    /// The id that users write.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What stands under its heading.
    pub text: String,
    /// What it waits for by its own words; empty is `none`.
    pub after: Option<Vec<String>>,
    /// The `###` headings in written order.
    pub plans: Vec<Plan>,
    /// Where its heading stands.
    pub line: Line,
    /// Where its `after` stands.
    pub after_line: Line,
}

/// A plan (a line of work) of a plan file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// The id that users write.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What stands under its heading.
    pub text: String,
    /// What it waits for by its own words; empty is `none`.
    pub after: Option<Vec<String>>,
    /// The `####` headings in written order.
    pub tasks: Vec<Task>,
    /// Where its heading stands.
    pub line: Line,
    /// Where its `after` stands.
    pub after_line: Line,
}

/// A task of a plan file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Task {
    /// The id that users write.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its prompt.
    pub text: String,
    /// What it waits for by its own words; empty is `none`.
    pub after: Option<Vec<String>>,
    /// Work for an agent, or a person's approval.
    pub kind: TaskKind,
    /// The agent it asks for.
    pub agent: Option<String>,
    /// The model it asks for.
    pub model: Option<String>,
    /// How urgent it is among the ready.
    pub priority: Priority,
    /// Files it expects to change (globs).
    pub touches: Vec<String>,
    /// Gates of this task alone.
    pub verify: Vec<String>,
    /// Whether a person must approve before the merge.
    pub review: Review,
    /// Money it may use.
    pub budget: Option<Usd>,
    /// The longest that one of its turns may take.
    pub timeout: Option<Seconds>,
    /// Turns it may fail before it is given up.
    pub attempts: Option<u32>,
    /// Where its heading stands.
    pub line: Line,
    /// Where its `after` stands.
    pub after_line: Line,
    /// Where its `agent` stands.
    pub agent_line: Line,
    /// Where its `budget` stands.
    pub budget_line: Line,
}

/// Whose work a task is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TaskKind {
    /// An agent's.
    #[default]
    Work,
    /// A person's approval.
    Approval,
}

/// How urgent a task is among the ready; the more urgent is the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Priority {
    /// After the others.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Before the others.
    High,
}

/// Who looks at a task's work before it is merged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Review {
    /// Nobody.
    #[default]
    None,
    /// A person.
    Human,
}

/// A word of the plan file that stands for one of a few choices.
pub trait Choice: Copy + PartialEq + 'static {
    /// Every choice with its word.
    const WORDS: &'static [(&'static str, Self)];

    /// The word of this choice.
    #[must_use]
    fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, choice)| *choice == self)
            .map_or("", |(word, _)| word)
    }

    /// The choice that `word` stands for.
    #[must_use]
    fn of_word(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, choice)| *choice)
    }
}

impl Choice for TaskKind {
    const WORDS: &'static [(&'static str, Self)] =
        &[("work", Self::Work), ("approval", Self::Approval)];
}

impl Choice for Priority {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("high", Self::High),
        ("normal", Self::Normal),
        ("low", Self::Low),
    ];
}

impl Choice for Review {
    const WORDS: &'static [(&'static str, Self)] = &[("none", Self::None), ("human", Self::Human)];
}
