//! Agents live through what happens to their server: killed, upgraded, and all of them gone in a reboot.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::stage::{Dice, Stage, events, rounds};

/// Lines that an agent prints each time it is told to go on.
const LINES: usize = 40;

/// Prints numbered lines whenever a line comes through its own pipe, and ends with the pipe. What
/// it costs to wait is nothing. Each line tells, in the words of opencode, of a token used, so that
/// one which the server missed or took in twice shows in the sum.
const TALKER: &str = r#"
echo "$CW_TASK $CW_TURN" >> "$CW_TEST_TOOLS/runs"
step() {
  echo '{"type":"step_finish","sessionID":"'$CW_TASK'","line":'$n',"part":{"reason":"'$1'","tokens":{"output":1}}}'
}
n=0
while read -r word; do
  end=$((n + 40))
  while [ $n -lt $end ]; do n=$((n + 1)); step tool-calls; done
done < "$CW_TEST_TOOLS/pipe.$CW_TASK"
echo "$n" > "$CW_TASK.txt"
step stop
"#;

/// Agents at work, each with a pipe of its own.
struct Crowd {
    stage: Stage,
    pipes: BTreeMap<String, File>,
    told: usize,
}

impl Crowd {
    /// So many agents in the middle of their first turn.
    fn at_work(size: usize) -> Self {
        let stage = Stage::bare();
        stage.configure("");
        let config = std::fs::read_to_string(stage.repo.join("cw.toml")).unwrap();
        let config = config
            .replace("[agents]\n", &format!("[agents]\nmax = {size}\n"))
            .replace("kind = \"script\"", "kind = \"opencode\"");
        stage.write("cw.toml", &config);
        stage.cw(&["init", "--trust"]).expect(0);
        let mut plan = "# Crowd\n".to_owned();
        let mut pipes = BTreeMap::new();
        for number in 0..size {
            let task = format!("t{number}");
            plan.push_str(&format!("#### {task}\n- after: none\n\n{TALKER}\n"));
            let path = stage.tools.join(format!("pipe.{task}"));
            assert!(
                Command::new("mkfifo")
                    .arg(&path)
                    .status()
                    .unwrap()
                    .success()
            );
            // Open for reading too, the pipe waits for nobody and keeps what no agent has read.
            let both = File::options().read(true).write(true).open(&path);
            pipes.insert(task, both.unwrap());
        }
        let plan = stage.plan(&plan);
        stage.cw(&["plan", "apply", &plan]).expect(0);
        stage.cw(&["initiative", "start", "crowd"]).expect(0);
        let mut crowd = Self {
            stage,
            pipes,
            told: 0,
        };
        crowd.tell_all();
        crowd.stage.wait("every agent to be at work", || {
            (crowd.running().len() == size).then_some(())
        });
        crowd
    }

    /// The process of each agent that runs.
    fn running(&self) -> BTreeMap<String, u64> {
        let list = self.stage.json(&["agent", "list"]);
        let agents = list["agents"].as_array().unwrap().iter();
        agents
            .filter(|agent| agent["status"] == "running")
            .filter_map(|agent| Some((agent["task"].as_str()?.to_owned(), agent["pid"].as_u64()?)))
            .collect()
    }

    fn tell_all(&mut self) {
        for pipe in self.pipes.values_mut() {
            pipe.write_all(b"go\n").unwrap();
        }
        self.told += 1;
    }

    /// Has every agent print on while `strike` happens to the server, and sees the same ones at
    /// work afterwards.
    fn live_through(&mut self, strike: impl FnOnce(&Stage)) {
        let before = self.running();
        self.tell_all();
        strike(&self.stage);
        self.tell_all();
        self.stage.cw(&["server", "start"]).expect(0);
        // What was printed since the strike is taken in by whoever follows the agent, and nobody
        // else: status and process alone may be those that were stored before.
        let lines = u64::try_from(self.told * LINES).ok();
        let after = self.stage.wait("every agent to be adopted", || {
            let mut tasks = before.keys();
            let all_read = tasks.all(|task| self.stage.task(task)["tokens"].as_u64() == lines);
            all_read.then(|| self.running())
        });
        assert_eq!(after, before, "other processes than before");
        self.tell_all();
    }

    /// Lets all come to their end; nothing is lost, doubled or done twice.
    fn end(self) {
        let (tasks, told): (Vec<String>, _) = (self.pipes.into_keys().collect(), self.told);
        let stage = self.stage;
        stage.wait("everything to be merged", || {
            let all = stage.statuses();
            all.iter()
                .all(|(_, status)| status == "merged")
                .then_some(())
        });
        let lines = told * LINES;
        let expected: Vec<usize> = (1..=lines).chain([lines]).collect();
        for task in &tasks {
            let text = stage.file_at("cw/crowd/integration", &format!("{task}.txt"));
            assert_eq!(text, lines.to_string());
            let said = stage
                .cw(&["task", "log", task, "--raw", "--json"])
                .expect(0);
            let said: Vec<Value> = said
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let printed: Vec<usize> = said
                .iter()
                .filter(|line| line["stream"] == "stdout")
                .map(|line| {
                    let text = line["text"].as_str().unwrap();
                    let step: Value = serde_json::from_str(text).unwrap();
                    usize::try_from(step["line"].as_u64().unwrap()).unwrap()
                })
                .collect();
            assert_eq!(printed, expected, "what {task} printed");
            let tokens = stage.task(task)["tokens"].as_u64();
            assert_eq!(
                tokens,
                u64::try_from(expected.len()).ok(),
                "what {task} told"
            );
        }
        let mut runs: Vec<String> = std::fs::read_to_string(stage.tools.join("runs"))
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        runs.sort_unstable();
        let mut once: Vec<String> = tasks.iter().map(|task| format!("{task} start")).collect();
        once.sort_unstable();
        assert_eq!(runs, once, "a program ran twice, or never");
        for kind in [
            "agent.turn-queued",
            "agent.turn-started",
            "agent.turn-ended",
        ] {
            assert_eq!(events(&stage, kind).len(), tasks.len(), "{kind}");
        }
        assert_eq!(stage.json(&["doctor"])["ok"], true);
    }
}

fn kill(pid: u64) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    let _ = kill_process(pid, Signal::KILL);
}

fn kill_server(stage: &Stage) {
    kill(stage.server_pid().unwrap().try_into().unwrap());
}

fn restart(stage: &Stage) {
    stage.cw(&["server", "restart"]).expect(0);
}

#[test]
fn fifty_agents_are_adopted_after_a_kill_and_an_upgrade() {
    let mut crowd = Crowd::at_work(50);
    crowd.live_through(kill_server);
    crowd.live_through(restart);
    crowd.end();
}

#[test]
fn agents_live_through_one_killed_server_after_the_other() {
    let mut dice = Dice(23);
    let mut crowd = Crowd::at_work(8);
    for round in 0..rounds() {
        if round % 5 == 4 {
            crowd.live_through(restart);
            continue;
        }
        let moment = Duration::from_millis(dice.below(60));
        crowd.live_through(|stage| {
            let server = stage.server_pid().unwrap();
            // A random moment: this wait is the fault that is injected, not a hope for progress.
            std::thread::sleep(moment);
            kill(server.try_into().unwrap());
        });
    }
    crowd.end();
}

#[test]
fn the_doctor_says_what_holds_the_trees_of_agents_together() {
    let crowd = Crowd::at_work(1);
    let report = crowd.stage.json(&["doctor"]);
    let checks = report["checks"].as_array().unwrap();
    let told = checks.iter().find(|check| check["name"] == "process trees");
    let told = told.unwrap_or_else(|| panic!("{report}"));
    let started = std::fs::read(crowd.stage.home.join("runs/1/started.json")).unwrap();
    let started: Value = serde_json::from_slice(&started).unwrap();
    // What it says is what the shim does.
    let detail = told["detail"].as_str().unwrap();
    match started["cgroup"].as_str() {
        Some(group) => {
            let above = std::path::Path::new(group).parent().unwrap();
            let above = above.display().to_string();
            assert!(detail.contains(above.trim_end_matches('/')), "{detail}");
            assert_eq!(told["status"], "ok");
        }
        None => {
            assert!(detail.contains("subreaper"), "{detail}");
            assert_eq!(told["status"], "warning");
        }
    }
    crowd.end();
}
