//! Plan files: read, stored, written out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cw_core::app::{Applied, Command, Reply, StartFacts, written};
use cw_core::domain::hierarchy::{Initiative, InitiativeStatus, Project};
use cw_core::domain::ids::ProjectId;
use cw_core::domain::plan::{PlanDocument, agent_errors, export, outline, read_bytes, resolve};
use cw_core::domain::state::State;
use cw_wire::plan_call::{
    PlanApplied, PlanApply, PlanApplyInput, PlanCheck, PlanCheckInput, PlanChecked, PlanExport,
    PlanExported, PlanFormat, PlanText,
};
use cw_wire::{ErrorCode, ErrorView, InitiativeTasks, InitiativeView, Target};

use crate::app::{App, Fault};
use crate::faults::{internal, workspace};
use crate::rpc::Table;
use crate::views;

mod json;
pub(super) mod remarks;

/// Answers what is about plans.
pub fn register(table: &mut Table) {
    table.user::<PlanCheck, _, _>(check);
    table.user::<PlanApply, _, _>(apply);
    table.user::<PlanExport, _, _>(exported);
}

/// Reads a plan in either form by the same rules.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn read(plan: &PlanText) -> Result<PlanDocument, Fault> {
    let name = bounded(&plan.name);
    let read = match plan.format {
        PlanFormat::Markdown => read_bytes(plan.text.as_bytes(), &name),
        PlanFormat::Json => json::read(&plan.text, &name),
    };
    read.map_err(|errors| views::plan::faults(&errors))
}

pub(super) fn bounded(name: &str) -> String {
    name.chars().take(300).collect()
}

/// Does what takes long with a large plan off the async threads.
pub(super) async fn read_apart(app: &Arc<App>, plan: PlanText) -> Result<PlanDocument, Fault> {
    app.blocking(move |_| read(&plan)).await
}

async fn check(app: Arc<App>, input: PlanCheckInput) -> Result<PlanChecked, Fault> {
    let name = bounded(&input.plan.name);
    let document = read_apart(&app, input.plan).await?;
    let mut warnings = Vec::new();
    // Whether its agents are known can be told only where there is a project.
    if let Ok(id) = app.project(input.dir).await {
        let config = app.config(id).await?;
        let errors = agent_errors(&document, &config, &name);
        warnings.extend(errors.iter().map(remarks::line));
    }
    app.blocking(move |_| {
        let resolved = resolve(&outline(&document)).unwrap_or_default();
        let tasks: Vec<&String> = tasks(&document).map(|task| &task.id).collect();
        if tasks.is_empty() {
            warnings.push("the plan has no tasks".into());
        }
        let plans = document.phases.iter().map(|phase| phase.plans.len()).sum();
        Ok(PlanChecked {
            initiative: document.initiative.id.clone(),
            title: document.initiative.title.clone(),
            phases: count(document.phases.len()),
            plans: count(plans),
            tasks: resolved
                .order()
                .iter()
                .filter_map(|at| tasks.get(*at).map(ToString::to_string))
                .collect(),
            warnings,
        })
    })
    .await
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn tasks(document: &PlanDocument) -> impl Iterator<Item = &cw_core::domain::plan::Task> {
    let plans = document.phases.iter().flat_map(|phase| &phase.plans);
    plans.flat_map(|plan| &plan.tasks)
}

/// A plan that is to be stored.
pub(super) struct Storing {
    pub(super) project: ProjectId,
    pub(super) plan: PlanDocument,
    /// What errors call it.
    pub(super) name: String,
    pub(super) agent: Option<String>,
    pub(super) max_agents: Option<u32>,
    pub(super) dry_run: bool,
    pub(super) starts: bool,
    pub(super) warnings: Vec<String>,
    /// Values for its agents.
    pub(super) env: BTreeMap<String, String>,
}

async fn apply(app: Arc<App>, input: PlanApplyInput) -> Result<PlanApplied, Fault> {
    let name = bounded(&input.plan.name);
    let plan = read_apart(&app, input.plan).await?;
    let (project, warnings) = app.trusted(input.dir).await?;
    let storing = Storing {
        project,
        plan,
        name,
        agent: input.agent,
        max_agents: None,
        dry_run: input.dry_run,
        starts: false,
        warnings,
        env: BTreeMap::new(),
    };
    store(&app, storing).await
}

/// Stores a plan, and starts it when that is wanted.
pub(super) async fn store(app: &Arc<App>, storing: Storing) -> Result<PlanApplied, Fault> {
    let Storing {
        project,
        plan,
        name,
        agent,
        max_agents,
        dry_run,
        starts,
        warnings,
        env,
    } = storing;
    let errors = agent_errors(&plan, &*app.config(project).await?, &name);
    if !errors.is_empty() {
        return Err(views::plan::faults(&errors));
    }
    let head = plan.initiative.clone();
    let (slug, named) = (head.id.clone(), head.base.clone());
    let (root, base, known) = app
        .read(move |state| base_of(state, project, &slug, named))
        .await?;
    let start = if starts {
        let branch = format!("cw/{}/integration", head.id);
        Some(facts(app, root, base.clone(), branch).await?)
    } else {
        None
    };
    let total = tasks(&plan).count();
    let apply = Command::Apply {
        project,
        plan: Box::new(plan),
        agent,
        max_agents,
        dry_run,
        start,
    };
    let reply = app.command_with(apply, env).await?;
    let Reply::Applied(applied) = reply else {
        return Err(internal("storing a plan told nothing"));
    };
    let initiative = match known.or(applied.initiative) {
        Some(id) => app
            .read(move |state| Ok(views::initiative::all(state, [id]).pop()))
            .await?
            .ok_or_else(|| internal("the initiative is gone"))?,
        None => unstored(&head, base, count(total)),
    };
    Ok(told(applied, initiative, dry_run, warnings))
}

fn told(
    applied: Applied,
    mut initiative: InitiativeView,
    dry_run: bool,
    warnings: Vec<String>,
) -> PlanApplied {
    if dry_run && !applied.created {
        initiative.tasks.total += count(applied.added.len());
    }
    PlanApplied {
        initiatives: vec![initiative],
        dry_run,
        created: applied.added,
        updated: applied.updated,
        unchanged: applied.unchanged,
        gone: applied.gone,
        changed: applied.changed,
        warnings,
    }
}

/// The root of a project, the base that a plan will have, and the initiative if it is known.
#[allow(clippy::type_complexity, reason = "three answers of one look")]
fn base_of(
    state: &State,
    project: ProjectId,
    slug: &str,
    named: Option<String>,
) -> Result<(PathBuf, String, Option<cw_core::domain::ids::InitiativeId>), Fault> {
    let row = state
        .get::<Project>(project)
        .ok_or_else(|| ErrorView::new(ErrorCode::NotFound, "no such project"))?;
    let known = state.index().initiative(project, slug);
    let base = named
        .or_else(|| Some(state.get::<Initiative>(known?)?.base.clone()))
        .or_else(|| state.config(project)?.base.clone())
        .unwrap_or_else(|| row.base.clone());
    Ok((PathBuf::from(&row.root), base, known))
}

/// What is found in the repository just before a start.
pub(super) async fn facts(
    app: &Arc<App>,
    root: PathBuf,
    base: String,
    branch: String,
) -> Result<StartFacts, Fault> {
    app.blocking(move |app| {
        let tip = |branch: &str| {
            let tip = app.ports.workspaces.branch_tip(&root, branch);
            tip.map_err(workspace)
        };
        Ok(StartFacts {
            base: tip(&base)?,
            branch: tip(&branch)?,
        })
    })
    .await
}

/// An initiative as it would be.
fn unstored(head: &cw_core::domain::plan::Initiative, base: String, total: u32) -> InitiativeView {
    InitiativeView {
        id: head.id.clone(),
        title: head.title.clone(),
        status: views::initiative::status(InitiativeStatus::Draft),
        base,
        branch: format!("cw/{}/integration", head.id),
        tasks: InitiativeTasks {
            total,
            ..InitiativeTasks::default()
        },
        cost_usd: 0.0,
        budget_usd: head.budget.map(cw_core::domain::money::Usd::dollars),
        project: None,
        tip: None,
        created_at: None,
    }
}

async fn exported(app: Arc<App>, input: Target) -> Result<PlanExported, Fault> {
    let id = app.initiative(input.dir, input.id).await?;
    let document = app
        .read(move |state| Ok(written(state, id)))
        .await?
        .ok_or_else(|| internal("the initiative is gone"))?;
    app.blocking(move |_| {
        let plan = serde_json::to_value(views::plan::json(&document));
        Ok(PlanExported {
            text: export(&document),
            plan: plan.map_err(|error| internal(error.to_string()))?,
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: PlanFormat, text: &str) -> PlanText {
        PlanText {
            name: "plan.md".into(),
            format,
            text: text.into(),
        }
    }

    const MARKDOWN: &str = "# Job\n- budget: $20\n\nWhy.\n\n## One\n### A\n#### X\n- touches: a/**, \
                            b.{rs,toml}\n- verify: true\n- review: human\n- timeout: 1h30m\n\nDo it.\n\n\
                            #### Y\n- after: none\n- kind: approval\n- priority: low\n";

    #[test]
    fn the_json_form_of_a_plan_is_read_as_the_same_plan() {
        let plan = read(&text(PlanFormat::Markdown, MARKDOWN)).unwrap();
        let json = serde_json::to_string(&views::plan::json(&plan)).unwrap();
        assert_eq!(read(&text(PlanFormat::Json, &json)).unwrap(), plan);
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_line() {
        let fault = read(&text(
            PlanFormat::Markdown,
            "# Job\n#### X\n- after: nowhere\n- prio: high\n",
        ))
        .unwrap_err();
        assert_eq!(fault.code, ErrorCode::Usage);
        let lines: Vec<_> = fault.details.iter().map(|detail| detail.line).collect();
        assert_eq!(lines, [Some(3), Some(4)]);
        assert!(
            fault.message.starts_with("plan.md: 2 "),
            "{}",
            fault.message
        );
        assert!(
            fault
                .details
                .iter()
                .all(|d| d.file.as_deref() == Some("plan.md"))
        );
    }

    #[test]
    fn a_cycle_is_spelled_out() {
        let fault = read(&text(
            PlanFormat::Markdown,
            "# Job\n#### X\n- after: y\n#### Y\n- after: x\n",
        ))
        .unwrap_err();
        let told = format!("{} {:?}", fault.message, fault.cause);
        assert!(
            told.contains('x') && told.contains('y') && told.contains("(line 2)"),
            "{told}"
        );
    }

    #[test]
    fn json_that_is_no_plan_is_told_with_its_line() {
        let fault = read(&text(PlanFormat::Json, "{\n  \"title\": 3,\n}")).unwrap_err();
        assert_eq!(fault.code, ErrorCode::Usage);
        assert_eq!(fault.details[0].line, Some(3));
    }
}
