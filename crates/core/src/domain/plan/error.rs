//! What is wrong with a plan, told so that it can be mended in one go. Refuses to know how
//! errors are shown.

use std::fmt;

use super::document::Line;

/// How many errors of one reading are told one by one.
const TOLD: usize = 100;

/// One thing that is wrong with a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanError {
    /// The name of what was read: a path as typed, or `-`.
    pub file: String,
    /// The line, counted from 1; 0 when the plan has no lines (JSON) or the error has none.
    pub line: u32,
    /// What is wrong.
    pub what: String,
    /// Why that is wrong.
    pub cause: Option<String>,
    /// What helps.
    pub hint: Option<String>,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

impl std::error::Error for PlanError {}

impl PlanError {
    /// Adds why it is wrong.
    pub(super) fn cause(&mut self, cause: impl Into<String>) -> &mut Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds what helps.
    pub(super) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }
}

/// How a plan is written, so that what helps is said in its language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// A file with headings and lines.
    Markdown,
    /// Values with names: JSON, options of a command.
    Plain,
}

impl Form {
    /// An attribute as its author would write it.
    pub(super) fn attribute(self, key: &str, value: &str) -> String {
        match self {
            Self::Markdown => format!("`- {key}: {value}`"),
            Self::Plain => format!("`{key}` as `{value}`"),
        }
    }

    /// The words for this form.
    pub(super) fn pick<T>(self, markdown: T, plain: T) -> T {
        match self {
            Self::Markdown => markdown,
            Self::Plain => plain,
        }
    }
}

/// The errors of one reading.
pub(super) struct Errors {
    file: String,
    pub(super) form: Form,
    told: Vec<PlanError>,
    untold: usize,
    spare: PlanError,
}

impl Errors {
    /// Starts with none, for a file.
    pub(super) fn new(file: &str) -> Self {
        Self::in_form(file, Form::Markdown)
    }

    /// Starts with none, for a plan in this form.
    pub(super) fn in_form(file: &str, form: Form) -> Self {
        let spare = PlanError {
            file: String::new(),
            line: 0,
            what: String::new(),
            cause: None,
            hint: None,
        };
        Self {
            file: file.to_owned(),
            form,
            told: Vec::new(),
            untold: 0,
            spare,
        }
    }

    /// Notes that something is wrong; the rest of the story is added to what is returned.
    pub(super) fn add(&mut self, line: Line, what: impl Into<String>) -> &mut PlanError {
        if self.told.len() >= TOLD {
            self.untold += 1;
            return &mut self.spare;
        }
        let error = PlanError {
            file: self.file.clone(),
            line: line.0,
            what: what.into(),
            cause: None,
            hint: None,
        };
        self.told.push(error);
        self.told.last_mut().unwrap_or(&mut self.spare)
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Joins what two steps found, by line; beyond a hundred they are counted only.
    pub(super) fn join(mut self, other: Self) -> Vec<PlanError> {
        self.told.extend(other.told);
        self.told.sort_by_key(|error| error.line);
        let untold = self.untold + other.untold + self.told.len().saturating_sub(TOLD);
        self.told.truncate(TOLD);
        if untold > 0 {
            self.told.push(PlanError {
                file: self.file,
                line: 0,
                what: format!("{untold} more errors"),
                cause: None,
                hint: Some("mend the ones above first".into()),
            });
        }
        self.told
    }
}
