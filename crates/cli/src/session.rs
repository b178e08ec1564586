//! One run of the command line: its global flags, its streams and its way to the server.

use crate::client::{Autostart, Client};
use crate::failure::{Exit, Outcome, usage};
use crate::host::Host;
use crate::render::output::Output;
use crate::render::page::Page;
use crate::render::{escape, json};
use cw_wire::handshake::{SOCKET_VARIABLE, TOKEN_VARIABLE};
use cw_wire::{ErrorCode, ErrorView, Procedure, Target};
use serde::Serialize;
use std::collections::BTreeMap;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::runtime::Runtime;

/// Flags that every command takes. Their names are their ids, and clap tells arguments apart by
/// nothing else: no argument of a command may have one of these.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Globals {
    /// Print one JSON document (one per line where it streams)
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Work as if started in DIR
    #[arg(
        short = 'C',
        global = true,
        value_name = "DIR",
        help_heading = "Global options"
    )]
    pub(crate) dir: Option<PathBuf>,
    /// Print results and errors only
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Tell more about what is done
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
    /// Refuse instead of starting a server when none runs
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_autostart: bool,
}

/// What commands work with.
pub(crate) struct Session<'a> {
    /// The program around.
    pub(crate) host: &'a dyn Host,
    /// The streams.
    pub(crate) out: Output,
    /// The way to the server.
    pub(crate) client: Client<'a>,
    place: Option<PathBuf>,
    runtime: Runtime,
}

impl<'a> Session<'a> {
    /// Builds a session; neither server nor disk is touched yet.
    pub(crate) fn new(host: &'a dyn Host, globals: &Globals) -> Outcome<Self> {
        let text = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let token = text(TOKEN_VARIABLE);
        let socket = text(SOCKET_VARIABLE).map(PathBuf::from);
        let inside_agent = socket.is_some() || token.is_some();
        let autostart = match (inside_agent, globals.no_autostart) {
            (true, _) => Autostart::Never,
            (false, true) => Autostart::Refused,
            (false, false) => Autostart::Yes,
        };
        let socket = socket.unwrap_or_else(|| host.socket());
        let out = Output::new(globals.json, globals.quiet, globals.verbose);
        let client = Client::new(host, socket, token, autostart);
        Ok(Self {
            host,
            out,
            client,
            place: globals.dir.clone(),
            runtime: runtime()?,
        })
    }

    /// Builds the session of a user at another host, with the same streams, in a folder.
    pub(crate) fn beside(host: &'a dyn Host, out: Output, dir: &Path) -> Outcome<Self> {
        let client = Client::new(host, host.socket(), None, Autostart::Yes);
        Ok(Self {
            host,
            out,
            client,
            place: Some(dir.to_owned()),
            runtime: runtime()?,
        })
    }

    /// Runs something to its end.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Calls a procedure and waits for its answer.
    pub(crate) fn call<P: Procedure>(&self, input: &P::Input) -> Outcome<P::Output> {
        let start = Instant::now();
        let answer = self.block_on(self.client.call::<P>(input));
        let took = start.elapsed().as_secs_f64() * 1000.0;
        self.out.detail(&format!("{} took {took:.1} ms", P::NAME));
        answer
    }

    /// Calls a query and shows its answer. As JSON it is passed on as it came: long lists need
    /// not be read to be written again.
    pub(crate) fn print<P: Procedure>(
        &self,
        input: &P::Input,
        draw: impl FnOnce(&P::Output, &mut Page),
    ) -> Outcome {
        if self.out.json {
            let answer = self.block_on(self.client.call_raw::<P>(input))?;
            self.out.write(&json::passed_on(&answer))?;
        } else {
            // The process ends right after: to take a long list apart again gains nothing.
            let answer = ManuallyDrop::new(self.call::<P>(input)?);
            self.show(&*answer, draw)?;
        }
        Ok(Exit::DONE)
    }

    /// Shows an answer.
    pub(crate) fn show<T: Serialize>(
        &self,
        value: &T,
        draw: impl FnOnce(&T, &mut Page),
    ) -> Outcome<()> {
        self.out.show(value, self.host.now(), draw)
    }

    /// The folder that commands are about, absolute.
    pub(crate) fn dir(&self) -> Outcome<Option<String>> {
        let path = self.folder(None)?;
        Ok(Some(path_text(&path)?))
    }

    /// A folder as typed, or the one that commands are about, absolute.
    pub(crate) fn folder(&self, typed: Option<&Path>) -> Outcome<PathBuf> {
        let path = self.path(typed.unwrap_or(Path::new("")))?;
        if (typed.is_some() || self.place.is_some()) && !path.is_dir() {
            return Err(no_folder(&path).into());
        }
        Ok(path)
    }

    /// A path as typed, absolute: relative to `-C`.
    pub(crate) fn path(&self, typed: &Path) -> Outcome<PathBuf> {
        let place = self.place.as_deref().unwrap_or(Path::new("."));
        let joined = if typed.as_os_str().is_empty() {
            place.into()
        } else {
            place.join(typed)
        };
        let path = std::path::absolute(&joined).map_err(|error| {
            usage("the current folder cannot be found").cause(error.to_string())
        })?;
        Ok(path)
    }

    /// The input of a call about one thing.
    pub(crate) fn target(&self, id: &str) -> Outcome<Target> {
        Ok(Target {
            dir: self.dir()?,
            id: id.to_owned(),
        })
    }

    /// The values of the environment variables that the project wants passed on. A project that
    /// cannot say which is dealt with by the call that follows.
    pub(crate) fn wanted_env(&self) -> Outcome<BTreeMap<String, String>> {
        let input = cw_wire::scope::Place { dir: self.dir()? };
        let wanted = match self.call::<cw_wire::project::WantedEnv>(&input) {
            Ok(wanted) => wanted.names,
            Err(failure) if failure.is(ErrorCode::Unreachable) => return Err(failure),
            Err(_) => Vec::new(),
        };
        let values = wanted.into_iter().filter_map(|name| {
            let value = std::env::var(&name).ok()?;
            Some((name, value))
        });
        Ok(values.collect())
    }

    /// Refuses a command that only makes sense inside an agent.
    pub(crate) fn agent_only(&self, command: &str) -> Outcome<()> {
        if self.client.is_agent() {
            return Ok(());
        }
        Err(
            crate::failure::refused(format!("`cw {command}` works inside an agent only"))
                .cause(format!("{TOKEN_VARIABLE} is not set"))
                .hint("`cw agent say` and `cw message answer` are the user's side")
                .into(),
        )
    }
}

/// Tells that a folder that was named is not there, or is something else.
fn no_folder(path: &Path) -> ErrorView {
    let shown = path.display();
    let there = path.ancestors().skip(1).find(|part| part.is_dir());
    let error = usage(format!("there is no folder `{shown}`"));
    match (std::fs::metadata(path), there) {
        (Ok(_), _) => error
            .cause("that is a file")
            .hint("name the folder that it is in"),
        (Err(cause), Some(there)) => error
            .cause(cause.to_string())
            .hint(format!("`ls {}` shows what is there", word(there))),
        (Err(cause), None) => error
            .cause(cause.to_string())
            .hint("name a folder that is there"),
    }
}

fn word(path: &Path) -> String {
    escape::word(&path.to_string_lossy())
}

fn runtime() -> Outcome<Runtime> {
    let built = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    built.map_err(|error| {
        ErrorView::new(ErrorCode::Internal, "cannot set up input and output")
            .cause(error.to_string())
            .into()
    })
}

/// A path as text; paths travel as JSON.
pub(crate) fn path_text(path: &Path) -> Outcome<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        usage(format!("the path `{}` is not UTF-8", path.display()))
            .hint("rename the folder, or work from another one")
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_comes_with_the_command_that_shows_what_is() {
        let place = tempfile::tempdir().unwrap();
        let error = no_folder(&place.path().join("shop/src"));
        assert!(error.cause.is_some(), "{error:?}");
        let hint = format!("`ls {}` shows what is there", place.path().display());
        assert_eq!(error.hint.as_deref(), Some(hint.as_str()));

        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = no_folder(&file);
        assert_eq!(error.cause.as_deref(), Some("that is a file"));
        assert!(error.hint.is_some());
    }
}
