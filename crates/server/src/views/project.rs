//! Projects as they travel.

use std::path::Path;

use cw_core::domain::hierarchy::Project;
use cw_core::ports::settings::Settings;
use cw_wire::project::ProjectView;

/// A project with the settings file as it is on disk now. It reads that file.
#[must_use]
pub fn view(row: &Project, settings: &dyn Settings) -> ProjectView {
    let root = Path::new(&row.root);
    // A file that cannot be read is certainly not the one that was trusted.
    let trusted = match settings.read(root) {
        Ok(Some(text)) => row.trusted.as_deref() == Some(text.as_str()),
        Ok(None) => true,
        Err(_) => false,
    };
    let dir = row
        .trusted
        .as_deref()
        .and_then(|text| settings.parse(text).ok())
        .map(|(config, _)| config.files_dir)
        .unwrap_or_default();
    let files = (!dir.is_empty()).then(|| root.join(dir));
    ProjectView {
        name: row.name.clone(),
        root: row.root.clone(),
        base: row.base.clone(),
        paused: row.held,
        trusted,
        wrote_config: false,
        created: false,
        config: Some(root.join(FILE).to_string_lossy().into_owned()),
        files: files.map(|path| path.to_string_lossy().into_owned()),
    }
}

/// The name of the settings file.
pub const FILE: &str = "cw.toml";
