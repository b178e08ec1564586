//! A heading with what stands under it, before any word of it is understood. It is the one door
//! to a plan: the file's reader makes sections, and so does whoever has a plan in another form
//! (JSON, a new task from a command), so that the rules for values stand in one place.

use super::document::Line;

/// Which kind of heading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// `#`
    Initiative,
    /// `##`
    Phase,
    /// `###`
    Plan,
    /// `####`
    Task,
}

const LEVELS: [Level; 4] = [Level::Initiative, Level::Phase, Level::Plan, Level::Task];

impl Level {
    /// The attributes that a heading of this level may have.
    #[must_use]
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Initiative => &["id", "base", "agents", "budget"],
            Self::Phase | Self::Plan => &["id", "after"],
            Self::Task => &[
                "id", "after", "kind", "agent", "model", "priority", "touches", "verify", "review",
                "budget", "timeout", "attempts",
            ],
        }
    }

    /// What users call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Initiative => "initiative",
            Self::Phase => "phase",
            Self::Plan => "plan",
            Self::Task => "task",
        }
    }

    /// How many `#` it has.
    pub(super) fn depth(self) -> usize {
        match self {
            Self::Initiative => 1,
            Self::Phase => 2,
            Self::Plan => 3,
            Self::Task => 4,
        }
    }

    /// What its heading begins with.
    pub(super) fn marks(self) -> &'static str {
        &"####"[..self.depth()]
    }

    /// The level of a heading with so many `#`.
    pub(super) fn of_depth(depth: usize) -> Option<Self> {
        LEVELS.get(depth.checked_sub(1)?).copied()
    }

    /// The first level that knows an attribute.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        LEVELS.into_iter().find(|level| level.keys().contains(&key))
    }
}

/// One `- key: value` line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// The word before the colon.
    pub key: String,
    /// What stands after it.
    pub value: String,
    /// Where it stands.
    pub line: Line,
}

/// A heading with what stands under it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// Which kind of heading.
    pub level: Level,
    /// Its title.
    pub title: String,
    /// Its attributes in written order.
    pub attributes: Vec<Attribute>,
    /// Its text, without escapes.
    pub text: String,
    /// Where it stands.
    pub line: Line,
    /// Where it stands in a plan without lines, such as `phases[0].tasks[2]`; empty: at the top.
    pub place: Option<String>,
}

impl Section {
    /// Starts a section that comes from no file.
    #[must_use]
    pub fn new(level: Level, title: impl Into<String>) -> Self {
        Self {
            level,
            title: title.into(),
            attributes: Vec::new(),
            text: String::new(),
            line: Line(0),
            place: None,
        }
    }

    /// Says where it stands in a plan without lines.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Adds an attribute as a file would write it.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push(Attribute {
            key: key.into(),
            value: value.into(),
            line: Line(0),
        });
        self
    }

    /// Sets the text.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }
}
