//! Installs what the tests need and the machine lacks: Debian packages, and the pinned agent programs from the npm
//! registry into a cache folder outside the tree. Nothing is installed twice; two installs at once wait for each other.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::run::{self, Failure, Outcome};

/// The same list from which the test kit finds the programs.
const PINNED: &str = include_str!("../../crates/testkit/programs.txt");

/// Programs that must be there, and the Debian package that brings each.
const DEBIAN: &[(&str, &str)] = &[("cc", "build-essential"), ("git", "git"), ("npm", "npm")];

/// Tries to reach the registry, which may be busy.
const TRIES: u32 = 3;

/// Installs all of it.
pub(crate) fn everything() -> Outcome {
    debian()?;
    let cache = cache_folder()?;
    fs::create_dir_all(&cache).map_err(|error| Failure::of(cache.display(), error))?;
    let lock = cache.join(".lock");
    let lock = File::create(&lock).map_err(|error| Failure::of(lock.display(), error))?;
    lock.lock()
        .map_err(|error| Failure::of("the lock of the cache folder", error))?;
    for program in pinned(env::consts::OS, env::consts::ARCH) {
        program.install(&cache)?;
    }
    Ok(())
}

fn debian() -> Outcome {
    let missing: Vec<&str> = DEBIAN
        .iter()
        .filter(|(program, _)| !on_path(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !on_path("apt-get") {
        return Err(Failure::new(format!(
            "install these first: {}",
            missing.join(", ")
        )));
    }
    run::status(run::command("apt-get").args(["update", "-qq"]))?;
    run::status(
        run::command("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(missing),
    )
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn cache_folder() -> Result<PathBuf, Failure> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env::var_os("HOME").ok_or_else(|| Failure::new("HOME is not set"))?)
            .join(".cache"),
    };
    Ok(base.join("codewalk-tests"))
}

/// One pinned program of this platform.
#[derive(Debug, PartialEq, Eq)]
struct Pinned {
    name: &'static str,
    version: &'static str,
    package: &'static str,
    file: &'static str,
}

fn pinned(os: &str, arch: &str) -> Vec<Pinned> {
    let lines = PINNED.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(
        |line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, version, o, a, package, file] if o == os && a == arch => Some(Pinned {
                name,
                version,
                package,
                file,
            }),
            _ => None,
        },
    );
    rows.collect()
}

impl Pinned {
    /// Installs beside the place and renames: what stands there is whole.
    fn install(&self, cache: &Path) -> Outcome {
        let folder = cache.join(format!("{}-{}", self.name, self.version));
        if self.path(&folder).is_file() {
            return Ok(());
        }
        let partial = cache.join(format!(".{}-{}.partial", self.name, self.version));
        for leftover in [&folder, &partial] {
            if leftover.exists() {
                fs::remove_dir_all(leftover)
                    .map_err(|error| Failure::of(leftover.display(), error))?;
            }
        }
        fs::create_dir(&partial).map_err(|error| Failure::of(partial.display(), error))?;
        self.fetch(&partial)?;
        self.verify(&partial)?;
        fs::rename(&partial, &folder).map_err(|error| Failure::of(folder.display(), error))
    }

    fn path(&self, folder: &Path) -> PathBuf {
        folder
            .join("node_modules")
            .join(self.package)
            .join(self.file)
    }

    fn fetch(&self, folder: &Path) -> Outcome {
        let mut failed = None;
        for _ in 0..TRIES {
            let fetched = run::status(
                run::command("npm")
                    .args([
                        "install",
                        "--ignore-scripts",
                        "--no-audit",
                        "--no-fund",
                        "--no-package-lock",
                    ])
                    .args(["--no-update-notifier", "--loglevel=error", "--prefix"])
                    .arg(folder)
                    .arg(format!("{}@{}", self.package, self.version)),
            );
            match fetched {
                Ok(()) => return Ok(()),
                Err(failure) => failed = Some(failure),
            }
        }
        let cause = failed
            .map(|failure| failure.to_string())
            .unwrap_or_default();
        Err(Failure::new(format!(
            "{} {} cannot be installed: is the npm registry reachable? ({cause})",
            self.name, self.version
        )))
    }

    /// The program itself says which version it is: a package may silently carry another.
    fn verify(&self, folder: &Path) -> Outcome {
        let program = self.path(folder);
        let said = run::output(
            run::command(&program)
                .env_clear()
                .env("HOME", folder)
                .arg("--version"),
        )?;
        if said.split_whitespace().next() == Some(self.version) {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{} should be {}, but says {}",
            program.display(),
            self.version,
            said.trim()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_has_its_own_package() {
        let linux = pinned("linux", "x86_64");
        let mac = pinned("macos", "aarch64");
        assert_eq!(linux[0].name, "claude");
        assert_ne!(linux[0].package, mac[0].package);
        assert_eq!(pinned("plan9", "x86_64"), []);
    }
}
