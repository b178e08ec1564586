//! Checks of agent programs: whether they are there, their version, and whether `cw` was tested
//! with it. Each is asked, all at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cw_core::domain::config::Config;
use cw_core::domain::hierarchy::Project;
use cw_core::ports::inspect::{Inspect, Program, Version};
use cw_wire::doctor::{CheckStatus, CheckView};

use super::{check, hinted, is_there};
use crate::app::{App, Fault};
use crate::work::program;

/// Kinds with a program of their own.
const KINDS: [&str; 4] = ["claude", "codex", "gemini", "opencode"];

/// A program to be asked.
struct Asked {
    label: String,
    shown: String,
    program: Program,
}

/// The kinds' own programs.
pub(super) async fn kinds(app: &Arc<App>) -> Result<Vec<CheckView>, Fault> {
    app.blocking(|app| {
        let one = |kind: &str| {
            let label = format!("program {kind}");
            if !is_there(Path::new("/"), kind) {
                return Err(check(&label, CheckStatus::Ok, "not installed"));
            }
            Ok(Asked {
                label,
                shown: kind.to_owned(),
                program: Program {
                    kind: kind.to_owned(),
                    ..Program::default()
                },
            })
        };
        Ok(ask(&*app.ports.agents, KINDS.map(one).into()))
    })
    .await
}

/// The program of each agent that the settings name.
pub(super) async fn of_agents(app: &Arc<App>, project: &Project) -> Result<Vec<CheckView>, Fault> {
    let config: Arc<Config> = app.config(project.id).await?;
    let root = PathBuf::from(&project.root);
    let project = project.name.clone();
    app.blocking(move |app| {
        let mut names: BTreeSet<&str> = config.agents.keys().map(String::as_str).collect();
        names.insert(&config.default_agent);
        let one = |name: &str| {
            let agent = config.agent(name)?;
            let shown = match agent.command.first() {
                Some(program) => program.clone(),
                None if agent.kind == "script" => return None,
                None => agent.kind.clone(),
            };
            let label = format!("agent {name} of {project}");
            if !is_there(&root, &shown) {
                let found = format!("'{shown}' is not found");
                return Some(Err(hinted(
                    check(&label, CheckStatus::Warning, found),
                    format!("install it, or name it in cw.toml: [agents.{name}] command"),
                )));
            }
            if agent.kind == "script" {
                return Some(Err(check(&label, CheckStatus::Ok, shown)));
            }
            Some(Ok(Asked {
                label,
                shown,
                program: Program {
                    words: program(&root, &agent.command),
                    kind: agent.kind,
                    env: agent.env.into_iter().collect(),
                },
            }))
        };
        let found = names.into_iter().filter_map(one).collect();
        Ok(ask(&*app.ports.agents, found))
    })
    .await
}

/// Asks those that are there; the others are told already.
fn ask(agents: &(impl Inspect + ?Sized), found: Vec<Result<Asked, CheckView>>) -> Vec<CheckView> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = found
            .into_iter()
            .map(|one| {
                one.map(|asked| {
                    let version = scope.spawn({
                        let program = asked.program.clone();
                        move || agents.version(&program)
                    });
                    (asked, version)
                })
            })
            .collect();
        asked
            .into_iter()
            .map(|one| match one {
                Ok((asked, version)) => told(&asked, version.join().ok().flatten()),
                Err(told) => told,
            })
            .collect()
    })
}

fn told(asked: &Asked, version: Option<Version>) -> CheckView {
    let (label, shown) = (&asked.label, &asked.shown);
    let Some(version) = version else {
        let found = check(
            label,
            CheckStatus::Warning,
            format!("'{shown}' does not tell its version"),
        );
        return hinted(found, format!("see what `{shown} --version` says"));
    };
    let number = &version.number;
    if version.is_tested() {
        return check(label, CheckStatus::Ok, format!("{shown} {number}, tested"));
    }
    let found = check(
        label,
        CheckStatus::Warning,
        format!("{shown} {number}, not tested"),
    );
    match version.tested.as_slice() {
        [] => hinted(found, "it is used all the same"),
        tested => hinted(
            found,
            format!(
                "cw is tested with {}; it is used all the same",
                tested.join(", ")
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_tested_or_not_or_not_told() {
        let asked = Asked {
            label: "program codex".into(),
            shown: "codex".into(),
            program: Program::default(),
        };
        let version = |number: &str| {
            Some(Version {
                number: number.into(),
                tested: vec!["1.2.3".into()],
            })
        };
        let well = told(&asked, version("1.2.3"));
        assert_eq!((well.status, well.hint), (CheckStatus::Ok, None));
        assert_eq!(well.detail, "codex 1.2.3, tested");
        let other = told(&asked, version("2.0.0"));
        assert_eq!(other.status, CheckStatus::Warning);
        assert!(other.hint.unwrap().contains("1.2.3"));
        assert_eq!(told(&asked, None).status, CheckStatus::Warning);
    }
}
