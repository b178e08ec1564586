//! The real side of the port `Agents`: starts agent programs behind shims, finds them again by
//! their run folders, follows and stops them. The shim is the other half of this module; what a
//! program's output means is the drivers' business.

mod client;
mod driver;
mod environ;
mod git_folders;
mod groups;
mod inspect;
mod log;
mod order;
mod orphans;
mod procs;
mod run_folder;
mod shell;
mod shim;
mod spawn;
mod tested;
mod watch;

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use cw_core::ports::agents::{
    AgentEvent, Agents, AgentsError, Answer, Batch, Ending, Follow, LogLine, ReplyTo, RunId,
    RunState, Started, Stream, TurnOrder,
};

use client::{Ear, Told, tell};
use driver::{Driver, Launch, Site};
use environ::Places;
use order::{LINE_CAP, OUTPUT_CAP, ShimOrder, Text, VERSION};

pub use groups::{Containment, NoGroup, scope};
pub use run_folder::RunFolder;
pub use shell::Shell;
pub use shim::{BEGUN, OCCUPIED, TAKEN, UNUSABLE, drop_inherited_files, shim_main};

/// How much longer than its grace periods a stop may take before the tree is killed from here.
const STOP_SLACK: Duration = Duration::from_secs(20);

/// Longer grace periods are not waited for: the agent can write into the file that tells them.
const GRACE_CAP: Duration = Duration::from_secs(60);

/// How long after that the shim may still take to see that its program is gone, before it is
/// killed too.
const SHIM_SLACK: Duration = Duration::from_secs(5);

/// How often a shim is asked to go on that has not told yet how its start went.
const START_LOOK: Duration = Duration::from_secs(1);

/// After this long a run that was begun counts as started, whatever its shim does not tell.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// Where the adapter works.
#[derive(Clone, Debug)]
pub struct Setup {
    /// This very program, which is also the shim (`cw shim RUN-DIR`).
    pub cw: PathBuf,
    /// Holds one folder per run.
    pub runs: PathBuf,
    /// Is given a link named `cw`, for the `PATH` of agents.
    pub bin: PathBuf,
    /// Put agents into control groups of their own, where that is possible.
    pub cgroups: bool,
}

/// Agents behind shims.
pub struct ShimAgents {
    setup: Setup,
}

impl ShimAgents {
    /// Makes the folders and the link that are missing.
    pub fn new(setup: Setup) -> io::Result<Self> {
        make_dir(&setup.runs)?;
        make_dir(&setup.bin)?;
        let runs = setup.runs.canonicalize()?;
        link(&setup.cw, &setup.bin.join("cw"))?;
        Ok(Self {
            setup: Setup { runs, ..setup },
        })
    }

    /// The run folder of `run`, which need not be there.
    #[must_use]
    pub fn folder(&self, run: &RunId) -> RunFolder {
        RunFolder::new(self.setup.runs.join(run.as_str()))
    }

    fn shim_order(&self, order: &TurnOrder, launch: Launch, folder: &RunFolder) -> ShimOrder {
        let tmp = folder.dir().join(run_folder::TMP);
        let places = Places {
            bin: &self.setup.bin,
            run: folder.marker(),
            tmp: &tmp,
        };
        let env = environ::compose(std::env::vars_os(), &launch, order, &places);
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        ShimOrder {
            version: VERSION,
            run: order.run.to_string(),
            program: launch.program.into(),
            args: launch.args.into_iter().map(Text::from).collect(),
            cwd: order.cwd.clone().into_os_string().into(),
            env: env
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            stdin: Text(launch.stdin),
            keep_stdin_open: launch.keep_stdin_open,
            interrupt_ms: ms(order.grace.interrupt),
            terminate_ms: ms(order.grace.terminate),
            line_cap: LINE_CAP,
            output_cap: OUTPUT_CAP,
            cgroup: self.setup.cgroups,
        }
    }

    fn command(&self, run: &RunId, command: &str) -> Result<(), AgentsError> {
        let folder = self.folder(run);
        match tell(folder.dir(), command) {
            Ok(Told::Done) => Ok(()),
            Ok(Told::Refused(why)) => Err(AgentsError::Refused {
                run: run.clone(),
                why,
            }),
            Err(err) => match state_of(&folder)? {
                RunState::Alive { .. } => Err(system("speaking with the shim", &err)),
                _ => Err(AgentsError::NotAlive(run.clone())),
            },
        }
    }
}

impl Agents for ShimAgents {
    fn start(&self, order: &TurnOrder) -> Result<Started, AgentsError> {
        let driver = driver_of(&order.kind)?;
        let folder = self.folder(&order.run);
        match state_of(&folder)? {
            RunState::NeverBegan => {}
            before => return Ok(Started::Before(before)),
        }
        make_dir(folder.dir()).map_err(|err| system("making the run folder", &err))?;
        let site = Site {
            cw: &self.setup.cw,
            git_folders: &git_folders::outside(&order.cwd),
        };
        let launch = driver.launch(order, &site);
        folder
            .keep_memo(&launch.memo)
            .map_err(|err| system("keeping the memo", &err))?;
        let document = serde_json::to_vec(&self.shim_order(order, launch, &folder))
            .map_err(|err| system("writing the order", &err.into()))?;
        let code = run_shim(&self.setup.cw, &folder, &document)
            .map_err(|err| system("starting the shim", &err))?;
        match code {
            Some(0) => Ok(Started::Now),
            Some(TAKEN | BEGUN) => Ok(Started::Before(state_of(&folder)?)),
            code => {
                let why = match code {
                    Some(OCCUPIED) => {
                        format!("another turn is under way in {}", order.cwd.display())
                    }
                    _ => format!("it ended with {code:?}; see {}", run_folder::SHIM_LOG),
                };
                Err(AgentsError::System {
                    doing: "starting the shim".to_owned(),
                    why,
                })
            }
        }
    }

    fn state(&self, run: &RunId) -> Result<RunState, AgentsError> {
        state_of(&self.folder(run))
    }

    fn follow(
        &self,
        follow: &Follow,
        on: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> Result<Ending, AgentsError> {
        watch::follow(
            &self.folder(&follow.run),
            driver_of(&follow.kind)?,
            follow,
            on,
        )
    }

    fn send_line(&self, run: &RunId, number: u64, line: &str) -> Result<(), AgentsError> {
        if number >= watch::REPLIES_FROM {
            let why = "the number is not below 2^62".to_owned();
            return Err(AgentsError::Refused {
                run: run.clone(),
                why,
            });
        }
        self.command(run, &watch::stdin_command(number, line))
    }

    fn tell(&self, run: &RunId, kind: &str, number: u64, text: &str) -> Result<(), AgentsError> {
        let Some(line) = driver_of(kind)?.message(number, text) else {
            let why = "it takes no messages while it works".to_owned();
            return Err(AgentsError::Refused {
                run: run.clone(),
                why,
            });
        };
        self.send_line(run, number, &line)
    }

    fn answer(
        &self,
        run: &RunId,
        kind: &str,
        reply: ReplyTo,
        answer: &Answer,
    ) -> Result<(), AgentsError> {
        let (lines, _) = self.read_log(run, Stream::Out, reply.0, 4096)?;
        let request = lines.first().filter(|line| line.offset == reply.0);
        let line = request.and_then(|line| driver_of(kind).ok()?.answer(&line.bytes, answer));
        let Some(line) = line else {
            let why = "there is no such request".to_owned();
            return Err(AgentsError::Refused {
                run: run.clone(),
                why,
            });
        };
        self.command(
            run,
            &watch::stdin_command(watch::REPLIES_FROM + reply.0, &line),
        )
    }

    fn close_stdin(&self, run: &RunId) -> Result<(), AgentsError> {
        self.command(run, "close-stdin")
    }

    fn interrupt(&self, run: &RunId) -> Result<(), AgentsError> {
        self.command(run, "interrupt")
    }

    fn stop(&self, run: &RunId, why: &str) -> Result<RunState, AgentsError> {
        let folder = self.folder(run);
        let word: String = why
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        let patience = STOP_SLACK.saturating_add(folder.grace().min(GRACE_CAP));
        let until = Instant::now() + patience;
        let mut ear = Ear::open(folder.dir());
        let mut told = false;
        while let RunState::Alive { .. } = state_of(&folder)? {
            // The agent may have stopped it, and may do so again.
            orphans::wake_shim(&folder);
            told = told || tell(folder.dir(), &format!("stop {word}")).is_ok();
            if Instant::now() > until {
                // The shim ends by itself once the program is gone.
                end_orphans(&folder, run)?;
            }
            if Instant::now() > until + SHIM_SLACK {
                orphans::end_shim(&folder);
            }
            ear.wait(Duration::from_millis(500));
            if !ear.hears() {
                ear = Ear::open(folder.dir());
            }
        }
        end_orphans(&folder, run)?;
        state_of(&folder)
    }

    fn read_log(
        &self,
        run: &RunId,
        stream: Stream,
        offset: u64,
        max_bytes: usize,
    ) -> Result<(Vec<LogLine>, u64), AgentsError> {
        let folder = self.folder(run);
        let over = !matches!(state_of(&folder)?, RunState::Alive { .. });
        folder
            .read_lines(stream, offset, max_bytes, over)
            .map_err(|err| system("reading output", &err))
    }

    fn read_lines(&self, kind: &str, lines: &[(Stream, LogLine)]) -> Vec<Vec<AgentEvent>> {
        let Some(driver) = driver::driver(kind) else {
            return lines.iter().map(|_| Vec::new()).collect();
        };
        let mut reader = driver.skimmer();
        let read = |(stream, line): &(Stream, LogLine)| reader.line(*stream, line).events;
        let mut told: Vec<_> = lines.iter().map(read).collect();
        if let Some(last) = told.last_mut() {
            last.extend(reader.rest());
        }
        told
    }

    fn survivors(&self) -> Result<Vec<(RunId, RunState)>, AgentsError> {
        let entries = std::fs::read_dir(&self.setup.runs);
        let entries = entries.map_err(|err| system("listing the runs", &err))?;
        let runs = entries.filter_map(|entry| RunId::new(entry.ok()?.file_name().to_str()?));
        runs.map(|run| self.state(&run).map(|state| (run, state)))
            .collect()
    }
}

fn driver_of(kind: &str) -> Result<&'static dyn Driver, AgentsError> {
    driver::driver(kind).ok_or_else(|| AgentsError::UnknownKind(kind.to_owned()))
}

fn state_of(folder: &RunFolder) -> Result<RunState, AgentsError> {
    folder
        .state()
        .map_err(|err| system("reading the run folder", &err))
}

fn end_orphans(folder: &RunFolder, run: &RunId) -> Result<(), AgentsError> {
    orphans::end(folder).map_err(|left| AgentsError::Unstoppable {
        run: run.clone(),
        left,
    })
}

fn system(doing: &str, err: &io::Error) -> AgentsError {
    AgentsError::System {
        doing: doing.to_owned(),
        why: err.to_string(),
    }
}

/// Gives the order to a shim and waits until it has started the program or has failed.
fn run_shim(cw: &Path, folder: &RunFolder, document: &[u8]) -> io::Result<Option<i32>> {
    let mut child = spawn::shim(cw, folder.dir(), false)?;
    let stdin = child.stdin.take();
    drop(child.stdout.take());
    let (ended, end) = channel();
    let document = document.to_vec();
    std::thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            // A shim that finds the run taken does not read its order.
            let _ = stdin.write_all(&document);
        }
        let _ = ended.send(child.wait());
    });
    let until = Instant::now() + START_PATIENCE;
    loop {
        match end.recv_timeout(START_LOOK) {
            Ok(status) => return Ok(status?.code()),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout)
                if Instant::now() > until && folder.started().is_some() =>
            {
                return Ok(Some(0));
            }
            // A program may hold its shim before that could say that all is well.
            Err(RecvTimeoutError::Timeout) => orphans::wake_shim(folder),
        }
    }
}

fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Points `at` to `target`, whatever it pointed to before.
fn link(target: &Path, at: &Path) -> io::Result<()> {
    if std::fs::read_link(at).is_ok_and(|old| old == target) {
        return Ok(());
    }
    let draft = at.with_extension(format!("draft-{}", std::process::id()));
    let _ = std::fs::remove_file(&draft);
    std::os::unix::fs::symlink(target, &draft)?;
    std::fs::rename(&draft, at)
}
