//! Where a commit or a line came from: git names the commit, the rows name the work.
//!
//! Commits that `cw` makes say whose they are in their trailers. Those that an agent made itself
//! are found by the merge that brought them, or by the branch that holds them.

use std::path::PathBuf;
use std::sync::Arc;

use cw_core::domain::hierarchy::{Initiative, Phase, Plan, Project, Task};
use cw_core::domain::ids::{AgentId, ProjectId, TaskId};
use cw_core::domain::oid::Oid;
use cw_core::domain::state::State;
use cw_core::domain::time::Timestamp;
use cw_core::domain::work::{Agent, Merge, MergeState, Message, Turn};
use cw_core::ports::workspaces::{Origin, OriginOf};
use cw_wire::why::{Why, WhyInput, WhyShown, WhyView};
use cw_wire::{ErrorCode, ErrorView};

use crate::app::{App, Fault};
use crate::faults::workspace;
use crate::rpc::Table;
use crate::views;

/// Commits carry times in whole seconds.
const SECOND_MS: i64 = 1_000;

/// Answers what is asked about origins.
pub fn register(table: &mut Table) {
    table.user::<Why, _, _>(why);
}

async fn why(app: Arc<App>, input: WhyInput) -> Result<WhyShown, Fault> {
    let project = app.project(input.dir.clone()).await?;
    let dir = PathBuf::from(input.dir.unwrap_or_default());
    let line = place(&input.what);
    let project_row = app.project_row(project).await?;
    let origin = origin(&app, project, dir, input.what).await?;
    let rows = rows(&app, project, &origin).await?;
    let found = match rows.said.clone() {
        Some(found) => Some(found),
        None => search(&app, project_row, rows.clone(), origin.commit.clone()).await?,
    };
    app.read(move |state| {
        let mut view = WhyView {
            commit: origin.commit.to_string(),
            subject: origin.subject.clone(),
            at: Some(views::time(origin.at)),
            path: line.as_ref().map(|(path, _)| path.clone()),
            line: line.map(|(_, line)| line),
            text: origin.line.clone(),
            initiative: trailer(&origin, "Cw-Initiative"),
            task: trailer(&origin, "Cw-Task"),
            agent: trailer(&origin, "Cw-Agent"),
            ..WhyView::default()
        };
        if let Some(found) = &found {
            tell(state, found, origin.at, &mut view);
        }
        Ok(WhyShown { why: view })
    })
    .await
}

/// `PATH:LINE`, if it is that.
fn place(what: &str) -> Option<(String, u32)> {
    let (path, line) = what.rsplit_once(':')?;
    let line: u32 = line.parse().ok().filter(|line| *line > 0)?;
    (!path.is_empty()).then(|| (path.to_owned(), line))
}

fn trailer(origin: &Origin, wanted: &str) -> Option<String> {
    let found = origin.trailers.iter().rfind(|(name, _)| name == wanted);
    found.map(|(_, value)| value.clone())
}

/// The commit that is meant. A line is looked for in the checkout first, then on integration
/// branches, the latest first: work that has not landed is there only.
async fn origin(
    app: &Arc<App>,
    project: ProjectId,
    dir: PathBuf,
    what: String,
) -> Result<Origin, Fault> {
    let branches: Vec<String> = app
        .read(move |state| {
            let ids: Vec<_> = state.index().initiatives_of(project).collect();
            let rows = ids.iter().filter_map(|id| state.get::<Initiative>(*id));
            let mut cut: Vec<_> = rows.filter(|row| row.tip.is_some()).collect();
            cut.sort_by_key(|row| std::cmp::Reverse(row.id));
            Ok(cut.iter().map(|row| row.branch()).collect())
        })
        .await?;
    app.blocking(move |app| {
        let look = |ask: &OriginOf| app.ports.workspaces.origin(&dir, ask).map_err(workspace);
        let Some((path, line)) = place(&what) else {
            let found = look(&OriginOf::Revision(what.clone()))?;
            return found.ok_or_else(|| {
                missing(format!("'{what}' names no commit"))
                    .hint("name a commit, or a line as PATH:LINE")
            });
        };
        let places = std::iter::once(None).chain(branches.into_iter().map(Some));
        for at in places {
            let path = path.clone();
            if let Some(found) = look(&OriginOf::Line { path, line, at })? {
                return Ok(found);
            }
        }
        Err(missing(format!("{path} has no committed line {line}"))
            .hint("the path is relative to the current folder (or to -C DIR)"))
    })
    .await
}

fn missing(what: String) -> Fault {
    ErrorView::new(ErrorCode::NotFound, what)
}

/// Whose work it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    task: TaskId,
    agent: Option<AgentId>,
    merged_as: Option<Oid>,
}

/// A merge that is done.
#[derive(Clone)]
struct Done {
    found: Found,
    base: Oid,
    head: Oid,
    result: Oid,
}

/// Work that is on no integration branch.
#[derive(Clone)]
struct Open {
    found: Found,
    base: Oid,
    branch: String,
}

/// What the rows know of a project's commits.
#[derive(Clone, Default)]
struct Rows {
    /// What the commit itself, or the row of its merge, says.
    said: Option<Found>,
    /// Merges by initiative, in the order of their branch.
    done: Vec<Vec<Done>>,
    open: Vec<Open>,
}

async fn rows(app: &App, project: ProjectId, origin: &Origin) -> Result<Rows, Fault> {
    let origin = origin.clone();
    app.read(move |state| {
        let mut rows = Rows::default();
        let initiatives: Vec<_> = state.index().initiatives_of(project).collect();
        for id in initiatives {
            let merges = state.all::<Merge>().filter(|merge| merge.initiative == id);
            let mut done: Vec<_> = merges
                .filter(|merge| merge.state == MergeState::Merged)
                .collect();
            done.sort_by_key(|merge| (merge.ended_at, merge.id));
            let done: Vec<Done> = done
                .into_iter()
                .filter_map(|merge| {
                    let result = merge.result.clone()?;
                    let found = Found {
                        task: merge.task,
                        agent: Some(merge.agent),
                        merged_as: Some(result.clone()),
                    };
                    let (base, head) = (merge.base.clone()?, merge.head.clone());
                    // Work that changed nothing made no commit.
                    (base != result).then_some(Done {
                        found,
                        base,
                        head,
                        result,
                    })
                })
                .collect();
            let named = done.iter().find(|done| done.result == origin.commit);
            rows.said = rows.said.or_else(|| named.map(|done| done.found.clone()));
            rows.done.push(done);
        }
        rows.said = rows.said.or_else(|| said(state, project, &origin));
        rows.open = open(state, project);
        Ok(rows)
    })
    .await
}

/// What the trailers of a commit say.
fn said(state: &State, project: ProjectId, origin: &Origin) -> Option<Found> {
    let initiative = trailer(origin, "Cw-Initiative")?;
    let initiative = state.index().initiative(project, &initiative)?;
    let task = trailer(origin, "Cw-Task")?;
    let task = state.index().task(initiative, &task)?;
    let name = trailer(origin, "Cw-Agent");
    let agent = name.and_then(|name| {
        let named = state.index().agents_named(&name);
        named
            .filter_map(|id| state.get::<Agent>(id))
            .find(|agent| agent.task == task)
            .map(|agent| agent.id)
    });
    let merges = state.index().merges_of(task).rev();
    let merged = merges
        .filter_map(|id| state.get::<Merge>(id))
        .find(|merge| merge.state == MergeState::Merged);
    Some(Found {
        task,
        agent,
        merged_as: merged.and_then(|merge| merge.result.clone()),
    })
}

fn open(state: &State, project: ProjectId) -> Vec<Open> {
    let agents = state
        .all::<Agent>()
        .filter(|agent| agent.project == project);
    agents
        .filter_map(|agent| {
            let initiative = state.get::<Initiative>(agent.initiative)?;
            Some(Open {
                found: Found {
                    task: agent.task,
                    agent: Some(agent.id),
                    merged_as: None,
                },
                base: agent.base.clone()?,
                branch: agent.branch(&initiative.slug),
            })
        })
        .collect()
}

/// Finds the merge that brought a commit, else the agent's branch that holds it.
async fn search(
    app: &Arc<App>,
    project: Project,
    rows: Rows,
    commit: Oid,
) -> Result<Option<Found>, Fault> {
    let repo = PathBuf::from(project.root);
    app.blocking(move |app| {
        // A commit that the repository has lost holds nothing.
        let holds = |commit: &Oid, by: &Oid| {
            let asked = app.ports.workspaces.is_ancestor(&repo, commit, by);
            asked.unwrap_or(false)
        };
        for done in &rows.done {
            if let Some(found) = brought_by(done, &|by| holds(&commit, by)) {
                return Ok(Some(found));
            }
        }
        for open in rows.open {
            let tip = app.ports.workspaces.branch_tip(&repo, &open.branch);
            if let Some(tip) = tip.map_err(workspace)?
                && holds(&commit, &tip)
                && !holds(&commit, &open.base)
            {
                return Ok(Some(open.found));
            }
        }
        Ok(None)
    })
    .await
}

/// The first merge of a branch whose result holds the commit, if its work is what brought it.
/// Each result holds all before it, so halving finds it.
fn brought_by(done: &[Done], holds: &impl Fn(&Oid) -> bool) -> Option<Found> {
    if !holds(&done.last()?.result) {
        return None;
    }
    let first = done.partition_point(|done| !holds(&done.result));
    let done = done.get(first)?;
    (holds(&done.head) && !holds(&done.base)).then(|| done.found.clone())
}

fn tell(state: &State, found: &Found, at: Timestamp, view: &mut WhyView) {
    let Some(task) = state.get::<Task>(found.task) else {
        return;
    };
    let slug = |row: Option<&String>| row.cloned();
    view.initiative = slug(
        state
            .get::<Initiative>(task.initiative)
            .map(|row| &row.slug),
    );
    view.phase = slug(state.get::<Phase>(task.phase).map(|row| &row.slug));
    view.plan = slug(state.get::<Plan>(task.plan).map(|row| &row.slug));
    view.task = Some(task.spec.slug.clone());
    view.title = Some(task.spec.title.clone());
    view.prompt = Some(task.spec.text.clone());
    view.merged_as = found.merged_as.as_ref().map(ToString::to_string);
    let messages = state.all::<Message>();
    view.messages = messages
        .filter(|message| message.task == Some(task.id))
        .map(|message| views::message::view(state, message))
        .collect();
    let Some(agent) = found.agent.and_then(|id| state.get::<Agent>(id)) else {
        return;
    };
    view.agent = Some(agent.name.clone());
    let turns = state.all::<Turn>().filter(|turn| turn.agent == agent.id);
    let begun = |turn: &&Turn| {
        let started = turn.started_at;
        started.is_some_and(|started| started.0 < at.0.saturating_add(SECOND_MS))
    };
    if let Some(turn) = turns.filter(begun).max_by_key(|turn| turn.number) {
        view.turn = Some(turn.number);
        view.turn_kind = Some(turn.kind.word().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(n: usize) -> Oid {
        Oid::new(format!("{n:040x}")).unwrap()
    }

    /// A branch of five merges: merge n has base 10n, work 10n + 5 and result 10n + 10.
    fn branch() -> Vec<Done> {
        let one = |n: usize| Done {
            found: Found {
                task: TaskId(n as u64),
                agent: None,
                merged_as: Some(oid(10 * n + 10)),
            },
            base: oid(10 * n),
            head: oid(10 * n + 5),
            result: oid(10 * n + 10),
        };
        (1..=5).map(one).collect()
    }

    #[test]
    fn the_merge_that_brought_a_commit_is_found() {
        let branch = branch();
        for n in 1..=5 {
            // A commit of the work of merge n: held by all that comes after it.
            let holds = |by: &Oid| *by > oid(10 * n) && *by >= oid(10 * n + 5);
            let found = brought_by(&branch, &holds).unwrap();
            assert_eq!(found.task, TaskId(n as u64));
        }
    }

    #[test]
    fn a_commit_that_was_there_before_was_brought_by_nobody() {
        assert_eq!(brought_by(&branch(), &|_: &Oid| true), None);
        assert_eq!(brought_by(&branch(), &|_: &Oid| false), None);
        assert_eq!(brought_by(&[], &|_: &Oid| true), None);
    }

    #[test]
    fn a_line_is_told_from_a_commit() {
        assert_eq!(place("src/a.rs:12"), Some(("src/a.rs".into(), 12)));
        assert_eq!(place("a:b:3"), Some(("a:b".into(), 3)));
        for commit in ["HEAD", "main:src", "a.rs:0", ":3", "HEAD~1"] {
            assert_eq!(place(commit), None, "{commit}");
        }
    }
}
