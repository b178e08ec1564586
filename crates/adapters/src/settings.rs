//! The real side of the port `Settings`: `cw.toml` at the root of the user's own checkout.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use cw_core::domain::config::Config;
use cw_core::ports::settings::{Settings, SettingsError};

use crate::config;

/// The file's name.
pub const FILE: &str = "cw.toml";
/// The largest file that is read, in bytes.
const MOST: u64 = 256 * 1024;

/// Settings in TOML files.
#[derive(Clone, Copy, Debug, Default)]
pub struct TomlSettings;

impl Settings for TomlSettings {
    fn read(&self, root: &Path) -> Result<Option<String>, SettingsError> {
        let path = root.join(FILE);
        let failed = |error: std::io::Error| unreadable(root, &error.to_string(), help(&error));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return if path.is_symlink() {
                    let why = "it is a symbolic link to a file that is not there";
                    Err(unreadable(root, why, "mend the link, or delete it"))
                } else {
                    Ok(None)
                };
            }
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(MOST + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > MOST {
            let why = format!("it is larger than {} KiB", MOST / 1024);
            let help = "keep settings in it only; longer commands go into scripts that it names";
            return Err(unreadable(root, &why, help));
        }
        decoded(root, bytes).map(Some)
    }

    fn write_template(&self, root: &Path, base: &str) -> Result<String, SettingsError> {
        let text = config::template(base);
        let path = root.join(FILE);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| SettingsError {
            what: format!("{} cannot be written", path.display()),
            cause: Some(error.to_string()),
            hint: Some(
                "see that the folder is writable, and that nothing of this name is in it".into(),
            ),
        })?;
        Ok(text)
    }

    fn parse(&self, text: &str) -> Result<(Config, Vec<String>), SettingsError> {
        config::parse(text)
    }

    fn digest(&self, text: &str) -> String {
        config::digest(text)
    }

    fn exclude(&self, git_dir: &Path, folder: &str) -> Result<(), SettingsError> {
        let path = git_dir.join("info").join("exclude");
        let failed = |error: std::io::Error| SettingsError {
            what: format!("{} cannot be written", path.display()),
            cause: Some(error.to_string()),
            hint: Some(format!(
                "add a line '/{folder}/' to it, so that git leaves the file folder alone"
            )),
        };
        let line = format!("/{}/", folder.trim_matches('/'));
        let known = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(error)),
        };
        if known.lines().any(|known| known.trim() == line) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let gap = if known.is_empty() || known.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(failed)?;
        file.write_all(format!("{gap}{line}\n").as_bytes())
            .map_err(failed)
    }
}

/// Takes bytes for text, and says what they are when they are none.
fn decoded(root: &Path, bytes: Vec<u8>) -> Result<String, SettingsError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(unreadable(root, "it is UTF-16", "save it as UTF-8"));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let why = format!("it is binary: byte {at} has the value 0");
        let help = "it is a text file: put it back from where you keep it, or delete it and let `cw init` write one";
        return Err(unreadable(root, &why, help));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        let why = format!("it is not UTF-8 at byte {at}, in line {line}");
        unreadable(root, &why, "save it as UTF-8")
    })
}

fn help(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::IsADirectory => "a file is wanted: move the folder away; `cw init` writes one",
        ErrorKind::PermissionDenied => "let yourself read it: `chmod u+r cw.toml`",
        _ => "see that it is a file that you can read",
    }
}

fn unreadable(root: &Path, why: &str, help: &str) -> SettingsError {
    SettingsError {
        what: format!("{} cannot be read", root.join(FILE).display()),
        cause: Some(why.to_owned()),
        hint: Some(help.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_written_once_and_never_over_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let text = TomlSettings.write_template(dir.path(), "trunk").unwrap();
        assert_eq!(TomlSettings.read(dir.path()).unwrap(), Some(text.clone()));
        assert_eq!(
            TomlSettings.parse(&text).unwrap().0.base.as_deref(),
            Some("trunk")
        );
        assert!(TomlSettings.write_template(dir.path(), "other").is_err());
        assert_eq!(TomlSettings.read(dir.path()).unwrap(), Some(text));
    }

    #[test]
    fn a_file_that_is_too_large_or_no_text_is_said_to_be_so() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(TomlSettings.read(dir.path()).unwrap(), None);
        std::fs::write(dir.path().join(FILE), vec![b'#'; 300 * 1024]).unwrap();
        assert!(
            TomlSettings
                .read(dir.path())
                .unwrap_err()
                .cause
                .unwrap()
                .contains("256 KiB")
        );
        std::fs::write(dir.path().join(FILE), b"a = \"\xff\"").unwrap();
        assert!(
            TomlSettings
                .read(dir.path())
                .unwrap_err()
                .cause
                .unwrap()
                .contains("byte 5")
        );
    }

    #[test]
    fn what_cannot_be_read_says_why_and_what_helps() {
        let refusal = |make: &dyn Fn(&Path)| {
            let dir = tempfile::tempdir().unwrap();
            make(&dir.path().join(FILE));
            let error = TomlSettings.read(dir.path()).unwrap_err();
            format!("{} | {}", error.cause.unwrap(), error.hint.unwrap())
        };
        let bytes = |bytes: &'static [u8]| move |path: &Path| std::fs::write(path, bytes).unwrap();
        let told = refusal(&bytes(b"a = 1\n\0"));
        assert!(
            told.contains("binary") && told.contains("text file"),
            "{told}"
        );
        let told = refusal(&bytes(b"\xff\xfea\0"));
        assert_eq!(told, "it is UTF-16 | save it as UTF-8");
        let told = refusal(&bytes(b"a = 1\nb = \"\xe4\""));
        assert_eq!(
            told,
            "it is not UTF-8 at byte 11, in line 2 | save it as UTF-8"
        );
        let told = refusal(&|path| std::fs::create_dir(path).unwrap());
        assert!(told.contains("move the folder away"), "{told}");
        let told = refusal(&|path| std::os::unix::fs::symlink("nowhere", path).unwrap());
        assert!(told.contains("link") && told.contains("mend"), "{told}");
    }

    #[test]
    fn the_file_folder_is_excluded_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("info/exclude");
        std::fs::create_dir(dir.path().join("info")).unwrap();
        std::fs::write(&path, "*.bak").unwrap();
        TomlSettings.exclude(dir.path(), ".cw").unwrap();
        TomlSettings.exclude(dir.path(), ".cw/").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "*.bak\n/.cw/\n");
    }
}
