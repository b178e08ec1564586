//! Checks of the installation and of every invariant; what can safely be mended is mended when
//! asked.

mod programs;
mod repository;

use std::path::Path;
use std::sync::Arc;

use cw_core::domain::effect::Effect;
use cw_core::domain::hierarchy::Project;
use cw_core::domain::invariants;
use cw_core::domain::work::Turn;
use cw_core::ports::agents::{RunId, RunState};
use cw_wire::doctor::{CheckStatus, CheckView, Doctor, DoctorInput, DoctorReport};

use crate::app::{App, Containment, Fault};
use crate::faults::agents;
use crate::rpc::Table;

/// An effect that failed this often is told.
const STUCK: u32 = 3;
/// How many of the last events are looked at.
const EVENTS: u64 = 1_000;
/// How many findings of one check are told one by one.
const FINDINGS: usize = 20;

/// Answers `doctor`.
pub fn register(table: &mut Table) {
    table.user::<Doctor, _, _>(doctor);
}

async fn doctor(app: Arc<App>, input: DoctorInput) -> Result<DoctorReport, Fault> {
    let mut checks = vec![home(&app).await?, events(&app).await?];
    checks.extend(rows(&app).await?);
    checks.extend(runs(&app, input.fix).await?);
    checks.push(containment(&app.about.containment));
    checks.push(repository::git(&app, input.dir.clone()).await?);
    checks.extend(programs::kinds(&app).await?);
    let projects: Vec<Project> = app
        .read(|state| Ok(state.all::<Project>().cloned().collect()))
        .await?;
    for project in projects {
        checks.extend(repository::look(&app, project, input.fix).await?);
    }
    let ok = !checks
        .iter()
        .any(|check| check.status == CheckStatus::Problem);
    Ok(DoctorReport { ok, checks })
}

/// One check.
fn check(name: &str, status: CheckStatus, detail: impl Into<String>) -> CheckView {
    CheckView {
        name: name.to_owned(),
        status,
        detail: detail.into(),
        hint: None,
    }
}

/// The check with what helps.
fn hinted(mut check: CheckView, hint: impl Into<String>) -> CheckView {
    check.hint = Some(hint.into());
    check
}

/// A check that found these faults; none: all is well.
fn findings(name: &str, well: &str, status: CheckStatus, found: Vec<String>) -> Vec<CheckView> {
    if found.is_empty() {
        return vec![check(name, CheckStatus::Ok, well)];
    }
    let more = found.len().saturating_sub(FINDINGS);
    let mut checks: Vec<CheckView> = found
        .into_iter()
        .take(FINDINGS)
        .map(|detail| check(name, status, detail))
        .collect();
    if more > 0 {
        checks.push(check(name, status, format!("and {more} more")));
    }
    checks
}

async fn home(app: &Arc<App>) -> Result<CheckView, Fault> {
    app.blocking(|app| {
        let shown = app.about.home.display();
        let probe = app.about.home.join(".cw-doctor");
        let written = std::fs::write(&probe, b"cw").and_then(|()| std::fs::remove_file(&probe));
        Ok(match written {
            Ok(()) => check("home", CheckStatus::Ok, format!("{shown} can be written")),
            Err(error) => hinted(
                check("home", CheckStatus::Problem, format!("{shown}: {error}")),
                "make the folder writable, or make room on its disk",
            ),
        })
    })
    .await
}

/// The end of the event log is read and must have no gaps.
async fn events(app: &Arc<App>) -> Result<CheckView, Fault> {
    let last = app.read(|state| Ok(state.last_seq())).await?;
    let from = last.saturating_sub(EVENTS);
    let limit = usize::try_from(last - from).unwrap_or(usize::MAX);
    Ok(match app.events_after(from, limit).await {
        Err(fault) => check("database", CheckStatus::Problem, fault.message),
        Ok(events) => {
            let whole = events.len() == limit
                && events
                    .iter()
                    .zip(from + 1..)
                    .all(|(event, seq)| event.seq == seq);
            if whole {
                check("database", CheckStatus::Ok, format!("{last} events"))
            } else {
                check("database", CheckStatus::Problem, "the event log has gaps")
            }
        }
    })
}

/// What the rows say of themselves.
async fn rows(app: &App) -> Result<Vec<CheckView>, Fault> {
    let (broken, stuck) = app
        .read(|state| {
            let stuck = state.all::<Effect>().filter(|effect| effect.tries >= STUCK);
            let stuck = stuck.map(|effect| {
                format!(
                    "'{}' of {} failed {} times",
                    effect.kind.word(),
                    effect.kind.subject(),
                    effect.tries
                )
            });
            Ok((invariants::check(state), stuck.collect()))
        })
        .await?;
    let mut checks = findings("invariants", "all hold", CheckStatus::Problem, broken);
    let stuck = findings("effects", "none is stuck", CheckStatus::Warning, stuck);
    checks.extend(stuck.into_iter().map(|check| match check.status {
        CheckStatus::Ok => check,
        _ => hinted(check, "`cw server logs` tells why; it is tried again"),
    }));
    Ok(checks)
}

/// Runs that live must belong to turns that are not over.
async fn runs(app: &Arc<App>, fix: bool) -> Result<Vec<CheckView>, Fault> {
    let survivors = app
        .blocking(|app| app.ports.agents.survivors().map_err(|e| agents(&e)))
        .await?;
    let alive: Vec<RunId> = survivors
        .into_iter()
        .filter(|(_, state)| matches!(state, RunState::Alive { .. }))
        .map(|(run, _)| run)
        .collect();
    let total = alive.len();
    // Read after the runs were listed: a turn that has ended meanwhile is looked at once more.
    let lost: Vec<RunId> = app
        .read(move |state| {
            let owned = |run: &RunId| {
                let turn = run.turn().and_then(|id| state.get::<Turn>(id));
                turn.is_some_and(|turn| turn.state.is_open())
            };
            Ok(alive.into_iter().filter(|run| !owned(run)).collect())
        })
        .await?;
    let mut checks = Vec::new();
    for run in lost {
        checks.extend(lost_run(app, run, fix).await?);
    }
    if checks.is_empty() {
        let well = format!("{total} alive, each with its turn");
        checks.push(check("runs", CheckStatus::Ok, well));
    }
    Ok(checks)
}

/// What is in use to end agents with all that they started.
fn containment(found: &Containment) -> CheckView {
    const NAME: &str = "process trees";
    match &found.group {
        Ok(at) => {
            let detail = format!(
                "each agent in a control group of its own below {}, and below its shim as subreaper",
                at.display()
            );
            check(NAME, CheckStatus::Ok, detail)
        }
        Err(why) => {
            let detail = format!(
                "no control groups ({why}); what an agent starts is found below its shim, a subreaper"
            );
            // It ends whole trees all the same, unless the shim is killed too.
            let told = check(NAME, CheckStatus::Warning, detail);
            match &found.hint {
                Some(hint) => hinted(told, hint),
                None => told,
            }
        }
    }
}

async fn lost_run(app: &Arc<App>, run: RunId, fix: bool) -> Result<Option<CheckView>, Fault> {
    app.blocking(move |app| {
        let still = app.ports.agents.state(&run).map_err(|e| agents(&e))?;
        if !matches!(still, RunState::Alive { .. }) {
            return Ok(None);
        }
        let detail = format!("run {run} is alive and no turn is under way for it");
        if !fix {
            let found = check("runs", CheckStatus::Problem, detail);
            return Ok(Some(hinted(found, "`cw doctor --fix` stops it")));
        }
        Ok(Some(match app.ports.agents.stop(&run, "doctor") {
            Ok(_) => check("runs", CheckStatus::Fixed, format!("{detail}: stopped")),
            Err(error) => check("runs", CheckStatus::Problem, format!("{detail}: {error}")),
        }))
    })
    .await
}

/// Whether a program can be started from here: a path, or a name on `PATH`.
fn is_there(root: &Path, program: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |path: &Path| {
        path.metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return runs(&root.join(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| runs(&folder.join(program)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_where_it_would_be_started() {
        assert!(is_there(Path::new("/"), "sh"));
        assert!(is_there(Path::new("/"), "./bin/sh"));
        assert!(!is_there(Path::new("/no-such"), "bin/sh"));
        assert!(!is_there(Path::new("/"), "no-such-program-at-all"));
        assert!(!is_there(Path::new("/"), "/etc"));
    }

    #[test]
    fn what_holds_trees_together_is_told_with_what_would_help() {
        let group = containment(&Containment {
            group: Ok("/sys/fs/cgroup/x".into()),
            hint: None,
        });
        assert_eq!(group.status, CheckStatus::Ok);
        assert!(group.detail.contains("/sys/fs/cgroup/x"), "{group:?}");
        let none = containment(&Containment {
            group: Err("not ours".into()),
            hint: Some("do this".into()),
        });
        assert_eq!(none.status, CheckStatus::Warning);
        assert!(none.detail.contains("not ours") && none.detail.contains("subreaper"));
        assert_eq!(none.hint.as_deref(), Some("do this"));
    }

    #[test]
    fn many_findings_are_told_briefly() {
        let found: Vec<String> = (0..FINDINGS + 5).map(|n| n.to_string()).collect();
        let told = findings("x", "well", CheckStatus::Problem, found);
        assert_eq!(told.len(), FINDINGS + 1);
        assert_eq!(told[FINDINGS].detail, "and 5 more");
        assert_eq!(
            findings("x", "well", CheckStatus::Problem, Vec::new())[0].status,
            CheckStatus::Ok
        );
    }
}
