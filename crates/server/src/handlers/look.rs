//! Looking in on an agent: what its processes take, and how its session is opened by hand.

use std::path::Path;
use std::sync::Arc;

use cw_core::domain::config::AgentConfig;
use cw_core::domain::hierarchy::{Initiative, Project};
use cw_core::domain::ids::AgentId;
use cw_core::domain::work::Agent;
use cw_core::ports::agents::RunId;
use cw_core::ports::inspect::{Program, TreeUse};
use cw_wire::agent::{AttachView, Attached};
use cw_wire::{ErrorCode, ErrorView, Target};

use crate::app::{App, Fault};
use crate::faults::internal;
use crate::work::program;

/// What the processes of an agent's turn take; `None` when it has none.
pub(super) async fn usage(app: &Arc<App>, agent: AgentId) -> Result<Option<TreeUse>, Fault> {
    let open = app
        .read(move |state| Ok(state.index().open_turn(agent)))
        .await?;
    let Some(turn) = open else { return Ok(None) };
    app.blocking(move |app| Ok(app.ports.agents.usage(&RunId::from(turn))))
        .await
}

/// An agent as far as opening its session needs it.
struct Found {
    name: String,
    kind: String,
    session: Option<String>,
    busy: bool,
    housed: bool,
    worktree: String,
    repository: String,
    branch: String,
    program: Program,
}

/// How the agent's session is opened in its program's own interface.
///
/// # Errors
/// When it is at work, or has nothing to open.
pub(super) async fn attach(app: Arc<App>, input: Target) -> Result<Attached, Fault> {
    let agent = app.agent(input.dir, input.id).await?;
    let found = find(&app, agent).await?;
    let name = &found.name;
    let refused = |what: String| ErrorView::new(ErrorCode::Refused, what);
    if found.busy {
        return Err(refused(format!("agent '{name}' is at work"))
            .cause("two programs in one session lose what is said to one of them")
            .hint(format!("`cw agent stop {name}`, then try again")));
    }
    let Some(session) = found.session.clone() else {
        let what = match found.kind.as_str() {
            "script" => format!("agent '{name}' is a script, which keeps no session"),
            _ => format!("agent '{name}' has no session yet"),
        };
        return Err(refused(what).hint(format!("`cw agent log {name}` shows what it did")));
    };
    let words = {
        let (program, session) = (found.program.clone(), session.clone());
        app.blocking(move |app| Ok(app.ports.agents.interface(&program, &session)))
            .await?
    };
    let Some(words) = words else {
        let what = format!(
            "a session of kind '{}' cannot be opened by hand",
            found.kind
        );
        return Err(refused(what)
            .cause("its program has no interface of its own that cw knows")
            .hint(format!("`cw agent log {name}` shows what it did")));
    };
    if !found.housed {
        return Err(
            refused(format!("the worktree of agent '{name}' was taken away"))
                .cause("its program keeps sessions by folder")
                .hint(format!(
                    "`git -C {} worktree add {} {}` makes it again",
                    quoted(&found.repository),
                    quoted(&found.worktree),
                    quoted(&found.branch)
                )),
        );
    }
    let env = found.program.env.iter();
    let env = env.map(|(key, value)| quoted(&format!("{key}={value}")));
    let set = (!found.program.env.is_empty()).then(|| "env".to_owned());
    let words = words.iter().map(|word| quoted(&word.to_string_lossy()));
    let line: Vec<String> = set.into_iter().chain(env).chain(words).collect();
    Ok(Attached {
        attach: AttachView {
            command: format!("cd {} && {}", quoted(&found.worktree), line.join(" ")),
            agent: found.name,
            kind: found.kind,
            session,
            worktree: found.worktree,
        },
    })
}

async fn find(app: &Arc<App>, agent: AgentId) -> Result<Found, Fault> {
    let places = app.places.clone();
    app.read(move |state| {
        let gone = || internal("the agent is gone");
        let row = state.get::<Agent>(agent).ok_or_else(gone)?;
        let project = state.get::<Project>(row.project).ok_or_else(gone)?;
        let initiative = state.get::<Initiative>(row.initiative).ok_or_else(gone)?;
        let config: AgentConfig = state
            .config(row.project)
            .and_then(|config| config.agent(&row.config))
            .unwrap_or_default();
        Ok(Found {
            name: row.name.clone(),
            kind: row.kind.clone(),
            session: row.session.clone().filter(|_| row.begun),
            busy: state.index().open_turn(agent).is_some(),
            housed: row.housed,
            worktree: places
                .worktrees
                .join(&row.worktree)
                .to_string_lossy()
                .into_owned(),
            repository: project.root.clone(),
            branch: row.branch(&initiative.slug),
            program: Program {
                kind: row.kind.clone(),
                words: program(Path::new(&project.root), &config.command),
                env: config.env.into_iter().collect(),
            },
        })
    })
    .await
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_them_otherwise() {
        assert_eq!(quoted("/a/b-1"), "/a/b-1");
        assert_eq!(quoted("it's; x"), "'it'\\''s; x'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$HOME"), "'$HOME'");
    }
}
