//! Projects: registered, trusted, held. The settings file is read in the user's own checkout, and
//! what it names is followed only once this very text is trusted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cw_core::app::{Command, Reply};
use cw_core::domain::config::Config;
use cw_core::domain::held;
use cw_core::domain::hierarchy::Project;
use cw_core::domain::ids::ProjectId;
use cw_core::ports::workspaces::Repository;
use cw_wire::project::{
    ConfigView, InitInput, ProjectConfig, ProjectInit, ProjectList, ProjectListing, ProjectPause,
    ProjectResume, ProjectTrust, ResumeInput, TrustInput, WantedEnv, WantedEnvOutput,
};
use cw_wire::scope::{Place, Scope};
use cw_wire::{ErrorCode, ErrorView};

use crate::app::{App, Fault, bypass_refused, bypassing};
use crate::faults::{internal, settings};
use crate::rpc::Table;
use crate::views;
use crate::views::project::FILE;

/// Answers what is about projects.
pub fn register(table: &mut Table) {
    table.user::<ProjectInit, _, _>(init);
    table.user::<ProjectListing, _, _>(list);
    table.user::<ProjectConfig, _, _>(config);
    table.user::<ProjectTrust, _, _>(trust);
    table.user::<WantedEnv, _, _>(wanted_env);
    table.user::<ProjectPause, _, _>(pause);
    table.user::<ProjectResume, _, _>(resume);
}

async fn init(app: Arc<App>, input: InitInput) -> Result<ProjectList, Fault> {
    let dir = input
        .dir
        .ok_or_else(|| ErrorView::new(ErrorCode::Usage, "no folder was named"))?;
    let repository = app.repository(PathBuf::from(dir)).await?;
    check_repository(&repository)?;
    let root = repository.root.clone();
    let found = app
        .blocking(move |app| app.settings.read(&root).map_err(settings))
        .await?;
    let (base, mut warnings) = base(&app, &repository, found.as_deref())?;
    let root = repository.root.to_string_lossy().into_owned();
    let (id, created) = registered(&app, &repository, root, base.clone()).await?;
    let before = app.project_row(id).await?.trusted;
    let mut wrote = false;
    let text = match found {
        Some(text) if input.trust || before.as_deref() == Some(text.as_str()) => Some(text),
        Some(_) => {
            warnings.push(
                "cw.toml was here before and is not trusted: look at it with `cw trust`".into(),
            );
            None
        }
        None => {
            wrote = true;
            let root = repository.root.clone();
            let written = app
                .blocking(move |app| app.settings.write_template(&root, &base).map_err(settings));
            Some(written.await?)
        }
    };
    let config = match text {
        Some(text) => match follow(&app, id, text, false, &mut warnings).await {
            Ok(config) => config,
            // Confirmed by `cw trust` alone.
            Err(fault) if fault.code == ErrorCode::Refused => {
                let hint = fault.hint.unwrap_or_default();
                warnings.push(format!("{}: {hint}", fault.message));
                Config::default()
            }
            Err(fault) => return Err(fault),
        },
        None => Config::default(),
    };
    app.blocking(move |app| {
        app.settings
            .exclude(&repository.git_dir, &config.files_dir)
            .map_err(settings)
    })
    .await?;
    let mut projects = shown(&app, vec![id]).await?;
    for project in &mut projects {
        project.created = created;
        project.wrote_config = wrote;
    }
    Ok(ProjectList { projects, warnings })
}

fn check_repository(repository: &Repository) -> Result<(), Fault> {
    let refused = |what: String| ErrorView::new(ErrorCode::Refused, what);
    let root = repository.root.display();
    if repository.head.is_none() {
        return Err(refused(format!("{root} has no commits yet"))
            .cause("the work of agents starts from a commit")
            .hint("make a first commit: `git commit --allow-empty -m \"Begin\"`"));
    }
    if repository.cw_branch_in_the_way {
        return Err(refused("a branch named `cw` is in the way".into())
            .cause("cw's branches are named `cw/…`, and git cannot have both")
            .hint("rename it: `git branch -m cw another-name`"));
    }
    Ok(())
}

/// The branch that initiatives start from: the one that the settings name, else the one that is
/// checked out.
fn base(
    app: &App,
    repository: &Repository,
    text: Option<&str>,
) -> Result<(String, Vec<String>), Fault> {
    let mut warnings = Vec::new();
    let mut named = None;
    match text.map(|text| app.settings.parse(text)) {
        Some(Ok((config, _))) => named = config.base,
        Some(Err(error)) => warnings.push(error.to_string()),
        None => {}
    }
    let base = named.or_else(|| repository.branch.clone()).ok_or_else(|| {
        ErrorView::new(ErrorCode::Refused, "there is no branch to start from")
            .cause("HEAD is detached, and cw.toml names no base")
            .hint("check a branch out, or write `base = \"main\"` into cw.toml")
    })?;
    Ok((base, warnings))
}

async fn registered(
    app: &App,
    repository: &Repository,
    root: String,
    base: String,
) -> Result<(ProjectId, bool), Fault> {
    let at = root.clone();
    let known = app
        .read(move |state| Ok(state.all::<Project>().any(|project| project.root == at)))
        .await?;
    let name = repository.root.file_name().unwrap_or_default();
    let name: String = name.to_string_lossy().chars().take(60).collect();
    let name = if name.is_empty() { "root".into() } else { name };
    match app.command(Command::Register { root, name, base }).await? {
        Reply::Project(id) => Ok((id, !known)),
        _ => Err(internal("registering a project gave no project")),
    }
}

/// Trusts this text and has decisions follow it from now on.
async fn follow(
    app: &Arc<App>,
    id: ProjectId,
    text: String,
    confirmed: bool,
    warnings: &mut Vec<String>,
) -> Result<Config, Fault> {
    let (config, more) = app.settings.parse(&text).map_err(settings)?;
    let row = app.project_row(id).await?;
    // What was confirmed once holds for exactly this text.
    let before = row.bypass && row.trusted.as_deref() == Some(text.as_str());
    let agents = bypassing(&config);
    let bypass = (confirmed || before) && !agents.is_empty();
    if !agents.is_empty() && !bypass && !app.places.contained {
        return Err(bypass_refused(&agents));
    }
    warnings.extend(more);
    let trust = Command::Trust {
        project: id,
        text,
        bypass,
    };
    app.command(trust).await?;
    app.engine.configure(id, Arc::new(config.clone()));
    Ok(config)
}

async fn list(app: Arc<App>, scope: Scope) -> Result<ProjectList, Fault> {
    let ids = scoped(&app, scope).await?;
    listed(&app, ids).await
}

/// The projects that a list is about.
async fn scoped(app: &Arc<App>, scope: Scope) -> Result<Vec<ProjectId>, Fault> {
    if scope.all {
        return app
            .read(|state| Ok(state.all::<Project>().map(|project| project.id).collect()))
            .await;
    }
    Ok(vec![app.project(scope.dir).await?])
}

async fn listed(app: &Arc<App>, ids: Vec<ProjectId>) -> Result<ProjectList, Fault> {
    Ok(ProjectList {
        projects: shown(app, ids).await?,
        warnings: Vec::new(),
    })
}

async fn shown(
    app: &Arc<App>,
    ids: Vec<ProjectId>,
) -> Result<Vec<cw_wire::project::ProjectView>, Fault> {
    let rows: Vec<Project> = app
        .read(move |state| {
            let rows = ids.iter().filter_map(|id| state.get::<Project>(*id));
            Ok(rows.cloned().collect())
        })
        .await?;
    app.blocking(move |app| {
        let view = |row| views::project::view(row, &*app.settings);
        Ok(rows.iter().map(view).collect())
    })
    .await
}

async fn config(app: Arc<App>, place: Place) -> Result<ConfigView, Fault> {
    let id = app.project(place.dir).await?;
    let row = app.project_row(id).await?;
    app.blocking(move |app| {
        let root = Path::new(&row.root);
        let text = app.settings.read(root).map_err(settings)?;
        let before = row.trusted.as_deref();
        let shown = text.clone().unwrap_or_default();
        let confirmed = row.bypass && before == Some(shown.as_str());
        let parsed = app.settings.parse(&shown).ok();
        let bypass = match parsed {
            Some((config, _)) if !confirmed && !app.places.contained => bypassing(&config),
            _ => Vec::new(),
        };
        Ok(ConfigView {
            path: root.join(FILE).to_string_lossy().into_owned(),
            exists: text.is_some(),
            hash: app.settings.digest(&shown),
            trusted: text.is_none() || (text.as_deref() == before && bypass.is_empty()),
            bypass,
            diff: before
                .filter(|before| *before != shown)
                .map(|before| changes(before, &shown)),
            text: shown,
        })
    })
    .await
}

/// What differs between two texts, as a unified diff.
fn changes(before: &str, now: &str) -> String {
    similar::TextDiff::from_lines(before, now)
        .unified_diff()
        .header("cw.toml, as trusted", "cw.toml, as it is now")
        .to_string()
}

async fn trust(app: Arc<App>, input: TrustInput) -> Result<ProjectList, Fault> {
    let id = app.project(input.dir).await?;
    let row = app.project_row(id).await?;
    let text = app
        .blocking(move |app| app.settings.read(Path::new(&row.root)).map_err(settings))
        .await?
        .ok_or_else(|| {
            ErrorView::new(ErrorCode::NotFound, "there is no cw.toml to trust")
                .hint("`cw init` writes one")
        })?;
    if let Some(hash) = input.hash
        && hash != app.settings.digest(&text)
    {
        return Err(
            ErrorView::new(ErrorCode::Refused, "cw.toml has changed since it was shown")
                .hint("`cw trust` shows it as it is now"),
        );
    }
    let mut answer = ProjectList::default();
    follow(&app, id, text, input.bypass, &mut answer.warnings).await?;
    answer.projects = shown(&app, vec![id]).await?;
    Ok(answer)
}

async fn wanted_env(app: Arc<App>, place: Place) -> Result<WantedEnvOutput, Fault> {
    // Only a trusted file may ask for secrets.
    let (id, _) = app.trusted(place.dir).await?;
    let config = app.config(id).await?;
    let names: BTreeSet<&String> = config
        .agents
        .values()
        .flat_map(|agent| &agent.pass_env)
        .collect();
    Ok(WantedEnvOutput {
        names: names.into_iter().cloned().collect(),
    })
}

async fn pause(app: Arc<App>, scope: Scope) -> Result<ProjectList, Fault> {
    let ids = scoped(&app, scope).await?;
    for id in &ids {
        app.command(Command::Hold(*id)).await?;
    }
    listed(&app, ids).await
}

async fn resume(app: Arc<App>, input: ResumeInput) -> Result<ProjectList, Fault> {
    let (dir, all) = (input.dir, input.all);
    let ids = scoped(&app, Scope { dir, all }).await?;
    let mut missed = BTreeSet::new();
    for id in ids.clone() {
        app.command_with(Command::Unhold(id), input.env.clone())
            .await?;
        let names = app.read(move |state| Ok(held::missed(state, id)));
        missed.extend(names.await?);
    }
    let mut answer = listed(&app, ids).await?;
    if !missed.is_empty() {
        let names: Vec<String> = missed.into_iter().collect();
        answer.warnings.push(format!(
            "agents still wait for the values of {}: not set in this shell",
            names.join(", ")
        ));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::changes;

    #[test]
    fn what_changed_in_the_settings_is_told_line_by_line() {
        let diff = changes("a = 1\nb = 2\nc = 3\n", "a = 1\nb = 4\nc = 3\n");
        assert!(diff.contains("-b = 2\n+b = 4\n"), "{diff}");
        assert!(diff.contains(" a = 1\n"), "{diff}");
    }
}
