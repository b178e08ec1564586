//! Projects, initiatives, phases, plans and tasks in their columns.

use std::sync::Arc;

use cw_core::domain::held::PassedEnv;
use cw_core::domain::hierarchy::{
    Initiative, InitiativeStatus, Phase, Plan, Project, Task, TaskSpec, TaskState,
};
use cw_core::domain::plan::{Choice, Priority, Review, TaskKind};
use cw_core::domain::time::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::sqlite::cell::{Binder, Cell, Fields, Stored, as_text, text, unknown, words};
use crate::sqlite::error::Fault;
use crate::sqlite::table::table;

table!(Project in "projects" {
    uid => [uid],
    name => [name],
    root => [root],
    base => [base],
    trusted => [trusted],
    bypass => [bypass],
    held => [held],
    lifts => [lifts],
    created_at => [created_at],
});

table!(Initiative in "initiatives" {
    uid => [uid],
    project => [project_id],
    slug => [slug],
    title => [title],
    text => [body],
    base => [base],
    max_agents => [max_agents],
    run_agents => [run_agents],
    agent => [agent],
    budget => [budget],
    budget_raised => [budget_raised],
    passed => [env_given, env_lost],
    status => [status],
    adhoc => [adhoc],
    cut => [cut],
    tip => [tip],
    lane_held => [lane_held],
    open => [open_tasks],
    created_at => [created_at],
    started_at => [started_at],
    ended_at => [ended_at],
});

table!(Phase in "phases" {
    initiative => [initiative_id],
    slug => [slug],
    title => [title],
    text => [body],
    after => [after],
    position => [position],
    open => [open_tasks],
});

table!(Plan in "plans" {
    initiative => [initiative_id],
    phase => [phase_id],
    slug => [slug],
    title => [title],
    text => [body],
    after => [after],
    position => [position],
    open => [open_tasks],
});

table!(Task in "tasks" {
    initiative => [initiative_id],
    phase => [phase_id],
    plan => [plan_id],
    position => [position],
    spec => [
        slug, title, prompt, after, kind, asks_agent, model, priority, touches, verify, review,
        budget, timeout, max_attempts
    ],
    state => [state, state_until, merged_commit],
    blockers => [blockers],
    failures => [failures],
    attempts => [attempts],
    bounces => [bounces],
    agent => [agent_id],
    passed => [env_given, env_lost],
    approved => [approved],
    summary => [summary],
    error => [error],
    unchanged => [unchanged],
    budget_raised => [budget_raised],
    started_at => [started_at],
    ended_at => [ended_at],
});

words! {
    InitiativeStatus {
        Draft = "draft",
        Active = "active",
        Paused = "paused",
        Finished = "finished",
        Landed = "landed",
        Cancelled = "cancelled",
    }
}

/// Choices of the plan file stand in the plan file's words.
macro_rules! choices {
    ($($name:ident),+) => {$(
        impl Cell for $name {
            fn to_sql(&self) -> Result<ToSqlOutput<'_>, String> {
                Ok(text(self.word()))
            }

            fn from_sql(value: ValueRef<'_>) -> Result<Self, String> {
                let word = as_text(value)?;
                Self::of_word(word).ok_or_else(|| unknown(word))
            }
        }
    )+};
}

choices!(Priority, Review, TaskKind);

impl Stored for Arc<TaskSpec> {
    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault> {
        let TaskSpec {
            slug,
            title,
            text,
            after,
            kind,
            agent,
            model,
            priority,
            touches,
            verify,
            review,
            budget,
            timeout,
            attempts,
        } = &**self;
        slug.write(to)?;
        title.write(to)?;
        text.write(to)?;
        after.write(to)?;
        kind.write(to)?;
        agent.write(to)?;
        model.write(to)?;
        priority.write(to)?;
        touches.write(to)?;
        verify.write(to)?;
        review.write(to)?;
        budget.write(to)?;
        timeout.write(to)?;
        attempts.write(to)
    }

    fn read(from: &mut Fields<'_>) -> Result<Self, Fault> {
        Ok(Arc::new(TaskSpec {
            slug: from.one()?,
            title: from.one()?,
            text: from.one()?,
            after: from.one()?,
            kind: from.one()?,
            agent: from.one()?,
            model: from.one()?,
            priority: from.one()?,
            touches: from.one()?,
            verify: from.one()?,
            review: from.one()?,
            budget: from.one()?,
            timeout: from.one()?,
            attempts: from.one()?,
        }))
    }
}

impl Stored for PassedEnv {
    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault> {
        self.given.write(to)?;
        self.lost.write(to)
    }

    fn read(from: &mut Fields<'_>) -> Result<Self, Fault> {
        Ok(Self {
            given: from.one()?,
            lost: from.one()?,
        })
    }
}

impl Stored for TaskState {
    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault> {
        let (word, until, commit) = match self {
            Self::Todo { not_before } => ("todo", *not_before, None),
            Self::Working => ("working", None, None),
            Self::Parked { resume_at } => ("parked", *resume_at, None),
            Self::Review => ("review", None, None),
            Self::Merging => ("merging", None, None),
            Self::Merged { commit } => ("merged", None, Some(commit.as_str())),
            Self::Failed => ("failed", None, None),
            Self::Cancelled => ("cancelled", None, None),
            Self::Skipped => ("skipped", None, None),
        };
        to.bind(text(word))?;
        until.write(to)?;
        to.optional(commit)
    }

    fn read(from: &mut Fields<'_>) -> Result<Self, Fault> {
        let word: String = from.one()?;
        let misread = from.corrupt(unknown(&word));
        let until: Option<Timestamp> = from.one()?;
        let commit = from.one()?;
        Ok(match &*word {
            "todo" => Self::Todo { not_before: until },
            "working" => Self::Working,
            "parked" => Self::Parked { resume_at: until },
            "review" => Self::Review,
            "merging" => Self::Merging,
            "merged" => Self::Merged {
                commit: Option::ok_or_else(commit, || from.corrupt("merged without a commit"))?,
            },
            "failed" => Self::Failed,
            "cancelled" => Self::Cancelled,
            "skipped" => Self::Skipped,
            _ => return Err(misread),
        })
    }
}
