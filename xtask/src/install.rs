//! Installs what the tests need and the machine lacks: Debian packages, and the pinned agent programs from the npm
//! registry into a cache folder outside the tree. Nothing is installed twice; two installs at once wait for each other.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::run::{self, Failure, Outcome};

/// The same list from which the test kit finds the programs.
const PINNED: &str = include_str!("../../crates/testkit/programs.txt");

/// Programs that must be there, and the Debian package that brings each.
const DEBIAN: &[(&str, &str)] = &[("cc", "build-essential"), ("git", "git"), ("npm", "npm")];

/// Programs that are installed at once: unpacking is work for the processor, fetching is waiting.
const ABREAST: usize = 2;

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
    abreast(&pinned(env::consts::OS, env::consts::ARCH), |program| {
        program.install(&cache)
    })
}

/// Does all of it, a few at once, and gives the first failure after the others are through.
fn abreast<T: Sync>(all: &[T], each: impl Fn(&T) -> Outcome + Sync) -> Outcome {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut first = Ok(());
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            first = first.and(each(one));
        }
        first
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..ABREAST).map(|_| scope.spawn(work)).collect();
        let done = lanes.into_iter().map(|lane| {
            lane.join()
                .unwrap_or_else(|_| Err(Failure::new("an install panicked")))
        });
        done.fold(Ok(()), Outcome::and)
    })
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
    /// The version under which the registry holds it.
    held_as: &'static str,
    file: &'static str,
}

fn pinned(os: &str, arch: &str) -> Vec<Pinned> {
    let lines = PINNED.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(
        |line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, version, o, a, package, file]
                if [os, "*"].contains(&o) && [arch, "*"].contains(&a) =>
            {
                let (package, held_as) = match package.rfind('@') {
                    Some(at) if at > 0 => (&package[..at], &package[at + 1..]),
                    _ => (package, version),
                };
                Some(Pinned {
                    name,
                    version,
                    package,
                    held_as,
                    file,
                })
            }
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
                        // Other programs, and what is built on the spot; what is tested does without.
                        "--omit=optional",
                    ])
                    .args(["--no-update-notifier", "--loglevel=error", "--prefix"])
                    .arg(folder)
                    .arg(format!("{}@{}", self.package, self.held_as)),
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

    /// The program itself says which version it is: a package may silently carry another. One that says nothing is
    /// believed by its manifest.
    fn verify(&self, folder: &Path) -> Outcome {
        let program = self.path(folder);
        let mut command = if self.file.ends_with(".js") {
            let mut node = run::command("node");
            node.arg(&program);
            node
        } else {
            run::command(&program)
        };
        let path = env::var_os("PATH").unwrap_or_default();
        let said = run::output(
            command
                .env_clear()
                .env("PATH", path)
                .env("HOME", folder)
                .stdin(Stdio::null())
                .arg("--version"),
        )?;
        let said = if said.trim().is_empty() {
            self.manifest_version(folder)?
        } else {
            said
        };
        if said.split_whitespace().any(|word| word == self.version) {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{} should be {}, but says {}",
            program.display(),
            self.version,
            said.trim()
        )))
    }

    fn manifest_version(&self, folder: &Path) -> Result<String, Failure> {
        let manifest = folder
            .join("node_modules")
            .join(self.package)
            .join("package.json");
        let text = fs::read_to_string(&manifest)
            .map_err(|error| Failure::of(manifest.display(), error))?;
        let manifest: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| Failure::of(manifest.display(), error))?;
        Ok(manifest["version"].as_str().unwrap_or_default().to_owned())
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
        let elsewhere = pinned("plan9", "x86_64");
        assert!(
            elsewhere
                .iter()
                .all(|program| program.file.ends_with(".js"))
        );
    }

    #[test]
    fn a_package_may_be_held_under_another_version() {
        let linux = pinned("linux", "x86_64");
        let codex = linux
            .iter()
            .find(|program| program.name == "codex")
            .unwrap();
        assert_eq!(
            (codex.package, codex.held_as),
            ("@openai/codex", "0.169.0-linux-x64")
        );
        assert_eq!(linux[0].held_as, linux[0].version);
    }

    #[test]
    fn all_is_done_and_a_failure_keeps_nothing_back() {
        let done = AtomicUsize::new(0);
        let outcome = abreast(&[1, 2, 3, 4, 5], |n| {
            done.fetch_add(1, Ordering::Relaxed);
            if *n == 2 {
                Err(Failure::new("two"))
            } else {
                Ok(())
            }
        });
        assert!(outcome.is_err());
        assert_eq!(done.load(Ordering::Relaxed), 5);
    }
}
