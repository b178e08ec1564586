//! The scripted agent of `cw demo`, and its gate.
//!
//! It writes files in the folder it was started in and lets `cw` commit them. What it does
//! follows from `CW_TASK` and `CW_TURN`.

use super::demo_text::{CLOCKS, QUESTION};
use super::me;
use crate::failure::{Exit, Outcome};
use crate::session::Session;
use cw_wire::me::{Done, DoneInput, Progress, ProgressInput};
use cw_wire::{ErrorCode, ErrorView};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// How long one step seems to take. Long enough that agents overlap.
const STEP: Duration = Duration::from_millis(700);
/// How long the agent waits for an answer before it ends its turn.
const PATIENCE: Duration = Duration::from_secs(20);
/// The sign of what is forgotten.
const TODO: &str = "TODO";

/// One turn of the agent.
pub(crate) fn perform(session: &Session<'_>) -> Outcome {
    let word = |name| std::env::var(name).unwrap_or_default();
    let mut told = String::new();
    // A prompt that cannot be read changes nothing of what a scripted agent does.
    let _ = std::io::stdin().take(1024 * 1024).read_to_string(&mut told);
    let agent = Agent {
        session,
        turn: word("CW_TURN"),
        told,
    };
    match word("CW_TASK").as_str() {
        "market-page" => agent.page(
            "market.md",
            "# Market\n\nFish, flowers and cheese on Saturdays.\n",
        ),
        "harbour-page" => agent.page("harbour.md", "# Harbour\n\nThe ferry leaves at noon.\n"),
        "formal-greeting" => agent.greeting("Dear visitors, we bid you welcome.", 1),
        "warm-greeting" => agent.greeting("Hello there, lovely to see you!", 3),
        "opening-hours" => agent.hours(),
        "checklist" => agent.checklist(),
        other => agent.page("notes.md", &format!("Nothing is known about `{other}`.\n")),
    }
}

struct Agent<'s, 'a> {
    session: &'s Session<'a>,
    turn: String,
    told: String,
}

impl Agent<'_, '_> {
    fn page(&self, file: &str, text: &str) -> Outcome {
        self.step(&format!("looking around for {file}"));
        self.step(&format!("writing {file}"));
        write(file, text)?;
        self.done(&format!("Wrote {file}."))
    }

    fn greeting(&self, greeting: &str, steps: u32) -> Outcome {
        let guide = read("guide.md")?;
        let first = if guide.contains("<<<<<<<") {
            self.step("reading both sides of the conflict");
            settle(&guide)
        } else {
            for _ in 0..steps {
                self.step("thinking of the right words");
            }
            format!("Greeting: {greeting}")
        };
        self.step("writing guide.md");
        write(
            "guide.md",
            &format!("{first}\n\nThis guide leads you through the town.\n"),
        )?;
        self.done("Wrote the greeting in guide.md.")
    }

    fn hours(&self) -> Outcome {
        if self.turn == "bounce" {
            return self.done("hours.md is as it should be.");
        }
        let clock = if self.turn == "answer" {
            Some(self.told.clone())
        } else {
            self.step("finding out when things open");
            let options = CLOCKS.map(str::to_owned).to_vec();
            me::ask(self.session, QUESTION.to_owned(), options, PATIENCE)?.answer
        };
        let Some(clock) = clock else {
            return Ok(Exit::AGAIN);
        };
        self.step("writing hours.md");
        let hours = if clock.contains(CLOCKS[1]) {
            "09:00 to 17:30"
        } else {
            "9 am to 5:30 pm"
        };
        write(
            "hours.md",
            &format!("# Opening hours\n\nEvery day, {hours}.\n"),
        )?;
        self.done(&format!("Wrote hours.md: {hours}."))
    }

    fn checklist(&self) -> Outcome {
        let file = "checklist.md";
        if self.turn == "bounce" {
            self.step("reading what the gate said");
            let kept: Vec<String> = read(file)?
                .lines()
                .map(|line| {
                    if line.contains(TODO) {
                        "- a good book".into()
                    } else {
                        line.into()
                    }
                })
                .collect();
            write(file, &(kept.join("\n") + "\n"))?;
            return self.done("Finished checklist.md.");
        }
        self.step("packing");
        self.step("writing checklist.md");
        write(
            file,
            &format!("# Checklist\n\n- an umbrella\n- {TODO}: think of more\n"),
        )?;
        self.done("Wrote checklist.md.")
    }

    /// Says what it does, and takes its time.
    fn step(&self, text: &str) {
        let _ = self.session.out.write(&format!("{text}\n"));
        if self.session.client.is_agent() {
            // Progress is a courtesy; work goes on without it.
            let _ = self.session.call::<Progress>(&ProgressInput {
                text: text.to_owned(),
            });
        }
        std::thread::sleep(STEP);
    }

    fn done(&self, summary: &str) -> Outcome {
        if self.session.client.is_agent() {
            let input = DoneInput {
                summary: Some(summary.to_owned()),
            };
            // The exit code says it too.
            let _ = self.session.call::<Done>(&input);
        }
        self.session.out.write(&format!("{summary}\n"))?;
        Ok(Exit::DONE)
    }
}

/// One greeting out of the two sides of a conflict.
fn settle(text: &str) -> String {
    let sides: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("Greeting: "))
        .collect();
    let mut sides: Vec<&str> = sides
        .into_iter()
        .filter(|side| !side.starts_with("(to be"))
        .collect();
    sides.dedup();
    format!("Greeting: {}", sides.join(" "))
}

/// The gate: says no while something is left to do, or a conflict stands.
pub(crate) fn gate(session: &Session<'_>) -> Outcome {
    let files = std::fs::read_dir(".").map_err(|error| cannot(Path::new("."), &error))?;
    let mut clean = true;
    for path in files.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| cannot(&path, &error))?;
        for (number, line) in text.lines().enumerate() {
            if line.contains(TODO) || line.starts_with("<<<<<<<") {
                clean = false;
                let place = format!("{}:{}", path.display(), number + 1);
                session
                    .out
                    .write(&format!("{place}: left to do: {line}\n"))?;
            }
        }
    }
    session.out.write(if clean {
        "nothing is left to do\n"
    } else {
        "not ready\n"
    })?;
    Ok(if clean { Exit::DONE } else { Exit::FAILED })
}

fn read(file: &str) -> Outcome<String> {
    std::fs::read_to_string(file).map_err(|error| cannot(Path::new(file), &error).into())
}

fn write(file: &str, text: &str) -> Outcome<()> {
    std::fs::write(file, text).map_err(|error| cannot(Path::new(file), &error).into())
}

fn cannot(path: &Path, error: &std::io::Error) -> ErrorView {
    ErrorView::new(ErrorCode::Failed, format!("cannot use {}", path.display()))
        .cause(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_settled_with_both_sides_and_no_markers() {
        let text = "<<<<<<< ours\nGreeting: Hello!\n||||||| base\nGreeting: (to be written)\n=======\n\
                    Greeting: Dear visitors.\n>>>>>>> theirs\n\nrest\n";
        assert_eq!(settle(text), "Greeting: Hello! Dear visitors.");
    }
}
