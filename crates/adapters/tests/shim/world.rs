//! A home for runs, and short words for what tests do with it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cw_adapters::agent::{Setup, ShimAgents};
use cw_core::ports::agents::{
    AgentEvent, Agents, Batch, Ending, Exit, Follow, Grace, Offsets, Permissions, RunId, RunState,
    Stream, TurnOrder, Verdict,
};
use libtest_mimic::Trial;
use tempfile::TempDir;

pub type Check = fn();

pub fn trial(name: &str, check: Check) -> Trial {
    Trial::test(name, move || {
        check();
        Ok(())
    })
}

pub struct World {
    pub home: TempDir,
    pub agents: ShimAgents,
}

impl World {
    pub fn new() -> Self {
        Self::with(true)
    }

    pub fn with(cgroups: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let agents = adapter(home.path(), cgroups);
        Self { home, agents }
    }

    /// The server again, after its death; the agents live on.
    pub fn reborn_alive(mut self) -> Self {
        self.agents = adapter(self.home.path(), true);
        self
    }

    pub fn order(&self, run: &str, program: &[&str]) -> TurnOrder {
        TurnOrder {
            run: id(run),
            kind: "script".into(),
            program: program.iter().map(Into::into).collect(),
            cwd: self.home.path().into(),
            env: Vec::new(),
            prompt: "the prompt".into(),
            session: None,
            resume: false,
            billed: Default::default(),
            model: None,
            permissions: Permissions::AcceptEdits,
            allow: Vec::new(),
            tools: false,
            repo_settings: false,
            task: "users-table".into(),
            agent: "soho".into(),
            turn: "start".into(),
            token: "t0ken-that-is-secret".into(),
            socket: "/nowhere/cw.sock".into(),
            grace: Grace {
                interrupt: Duration::from_millis(150),
                terminate: Duration::from_millis(150),
            },
        }
    }

    pub fn sh(&self, run: &str, script: &str) -> TurnOrder {
        self.order(run, &["sh", "-c", script])
    }

    pub fn own(&self, run: &str, what: &str) -> TurnOrder {
        let exe = std::env::current_exe().unwrap();
        self.order(run, &[exe.to_str().unwrap(), "agent", what])
    }

    pub fn dir(&self, run: &str) -> PathBuf {
        self.agents.folder(&id(run)).dir().to_path_buf()
    }

    /// Starts `order` and follows it to its end.
    pub fn play(&self, order: &TurnOrder) -> Played {
        self.agents.start(order).unwrap();
        self.finish(order)
    }

    pub fn finish(&self, order: &TurnOrder) -> Played {
        let mut events = Vec::new();
        let ending = self.agents.follow(&follow(order), &mut |batch: Batch| {
            events.extend(batch.events.into_iter().map(|observed| observed.event));
            ControlFlow::Continue(())
        });
        match ending.unwrap() {
            Ending::Over { verdict, exit } => Played {
                events,
                verdict,
                exit,
            },
            other => panic!("{other:?}"),
        }
    }

    /// Starts `order` and waits until it has printed `word`.
    pub fn start_until(&self, order: &TurnOrder, word: &str) {
        self.agents.start(order).unwrap();
        eventually("the word is printed", || {
            let (lines, _) = self
                .agents
                .read_log(&order.run, Stream::Out, 0, 1 << 20)
                .unwrap();
            lines.iter().any(|line| line.bytes == word.as_bytes())
        });
    }

    pub fn started_field(&self, run: &str, field: &str) -> Option<u32> {
        let text = std::fs::read(self.dir(run).join("started.json")).ok()?;
        let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
        value[field].as_u64().map(|n| u32::try_from(n).unwrap())
    }

    /// Every process that has to do with this world: it works in there, or has its name among its
    /// words. Hiding from this takes more than hiding from the shim.
    pub fn traces(&self) -> Vec<u32> {
        let home = self.home.path().canonicalize().unwrap();
        let name = home.as_os_str().as_encoded_bytes();
        let mut pids = all_pids();
        pids.retain(|pid| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let cwd = std::fs::read_link(format!("/proc/{pid}/cwd"));
            let here = cwd.is_ok_and(|cwd| cwd.starts_with(&home));
            // One without words is about to be gone.
            !words.is_empty() && (here || words.windows(name.len()).any(|part| part == name))
        });
        pids
    }

    /// Every process whose environment carries the marker of `run`.
    pub fn processes(&self, run: &str) -> Vec<u32> {
        marked(&self.dir(run))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for (run, state) in self.agents.survivors().unwrap_or_default() {
            if matches!(state, RunState::Alive { .. } | RunState::Crashed) {
                let _ = self.agents.stop(&run, "test-over");
            }
        }
    }
}

fn adapter(home: &Path, cgroups: bool) -> ShimAgents {
    let cw = std::env::current_exe().unwrap();
    ShimAgents::new(Setup {
        cw,
        runs: home.join("runs"),
        bin: home.join("bin"),
        cgroups,
    })
    .unwrap()
}

pub struct Played {
    pub events: Vec<AgentEvent>,
    pub verdict: Verdict,
    pub exit: Option<Exit>,
}

impl Played {
    /// The lines of standard output.
    pub fn out(&self) -> Vec<&str> {
        let logs = self.events.iter().filter_map(|event| match event {
            AgentEvent::Log {
                stream: Stream::Out,
                text,
            } => Some(text.as_str()),
            _ => None,
        });
        logs.collect()
    }
}

pub fn id(run: &str) -> RunId {
    RunId::new(run).unwrap()
}

pub fn follow(order: &TurnOrder) -> Follow {
    Follow {
        run: order.run.clone(),
        kind: order.kind.clone(),
        resume: order.resume,
        permissions: order.permissions,
        from: Offsets::default(),
        linger: Duration::from_secs(60),
    }
}

pub fn marked(dir: &Path) -> Vec<u32> {
    let wanted = format!("CW_RUN={}", dir.display());
    let mut pids = all_pids();
    pids.retain(|pid| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ
            .split(|b| *b == 0)
            .any(|entry| entry == wanted.as_bytes())
    });
    pids
}

fn all_pids() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.collect()
}

/// How many rounds a test goes that does the same over and over: as many as `CW_TEST_ROUNDS` says.
pub fn rounds() -> usize {
    let said = std::env::var("CW_TEST_ROUNDS").ok();
    said.map_or(20, |text| text.parse().unwrap())
}

/// Waits for a condition; gives up, loudly, after a minute.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
