//! The one door through which agent programs and shims are started.

use std::ffi::{OsStr, OsString};
use std::io::{self, PipeWriter};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What a shim is told by, in its environment, that it is the one that stays.
pub(super) const STAGE: &str = "CW_SHIM_STAGE";

/// Starts `cw shim RUN-DIR`; its order goes to its standard input, its report comes from its
/// standard output. Nothing of this process's environment is handed on.
#[expect(clippy::disallowed_methods, reason = "this is the agent door")]
pub(super) fn shim(cw: &Path, run_dir: &Path, stays: bool) -> io::Result<Child> {
    let mut command = Command::new(cw);
    command
        .arg("shim")
        .arg(run_dir)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if stays {
        command.arg0("cw").env(STAGE, "2").stdin(Stdio::inherit());
    } else {
        command.stdin(Stdio::piped());
    }
    command.spawn()
}

/// Starts an agent program in a process group of its own, with exactly this environment and pipes
/// on all three standard streams.
#[expect(clippy::disallowed_methods, reason = "this is the agent door")]
pub(super) fn agent<'a>(
    program: &OsStr,
    args: impl Iterator<Item = &'a OsStr>,
    env: impl Iterator<Item = (&'a OsStr, &'a OsStr)>,
    cwd: &OsStr,
) -> io::Result<Child> {
    if !Path::new(cwd).is_dir() {
        let what = format!("the folder {} is not there", cwd.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, what));
    }
    Command::new(program)
        .args(args)
        .env_clear()
        .envs(env)
        .current_dir(cwd)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Starts `sh -c LINE` in a process group of its own, both outputs into one pipe.
#[expect(clippy::disallowed_methods, reason = "this is the agent door")]
pub(super) fn shell(
    line: &str,
    cwd: &Path,
    env: Vec<(OsString, OsString)>,
    output: PipeWriter,
) -> io::Result<Child> {
    Command::new("sh")
        .arg("-c")
        .arg(line)
        .env_clear()
        .envs(env)
        .current_dir(cwd)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
}
