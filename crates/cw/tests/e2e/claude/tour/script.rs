//! The plan of the tour, and what the scripted model answers to each of its tasks.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex};

use cw_testkit::model::{Answer, Request, Script, Table};
use serde_json::json;

use super::super::commit;
use crate::stage::PATIENCE;

/// Twelve tasks in three phases and five plans; the names of those that come back from the lane
/// are their titles.
pub(super) const PLAN: &str = "# Tour
- base: main

A walk through the city.

## Ground
### Survey
#### Survey

Order 1: draw the streets.

#### Rivers

Order 2: draw the rivers.

## Streets
### North
#### North street

Order 3: say where Main Street runs.

#### Square

Order 4: pave the square.

### South
#### South street

Order 5: say where Main Street ends.

#### Gate

Order 6: build the gate.

## Life
### Market
#### Market
- verify: test -e tour/market.md

Order 7: open the market.

#### Fair

Order 8: hold a fair.

#### Parade

Order 9: walk past all of it.

### Outskirts
#### Permit

Order 10: ask for what is never granted.

#### Fence

Order 11: never begun.

#### Shed
- after: permit

Order 12: never begun either.
";

/// A tool that reads a file.
fn read(path: &str) -> Answer {
    Answer::tool("Read", json!({ "file_path": path }))
}

/// A tool that replaces a text in a file.
fn edit(path: &str, old: &str, new: &str) -> Answer {
    Answer::tool(
        "Edit",
        json!({ "file_path": path, "old_string": old, "new_string": new }),
    )
}

/// A tool that runs a command.
fn committed(subject: &str) -> Answer {
    Answer::bash(&commit(subject))
}

/// The file whose second line two tasks change.
pub(super) fn streets(main: &str) -> String {
    format!("# Streets\n\n- Main Street {main}\n- Side Street\n")
}

/// Reads the line that both sides changed, says both and commits.
fn resolve() -> [Answer; 3] {
    [
        read("tour/streets.md"),
        Answer::write("tour/streets.md", &streets("runs north and south")),
        committed("say both"),
    ]
}

fn main_street(where_to: &str) -> [Answer; 3] {
    let line = |main: &str| format!("- Main Street {main}");
    [
        read("tour/streets.md"),
        edit("tour/streets.md", &line("is not named"), &line(where_to)),
        committed("say where Main Street runs"),
    ]
}

fn table() -> Table {
    let note = |name: &str| Answer::write(&format!("tour/{name}.md"), &format!("# {name}\n"));
    Table::new()
        // What comes back from the lane names the task by its title.
        .on("Your task was: North street", resolve())
        .on("Your task was: South street", resolve())
        .on(
            "Your task was: Gate",
            [Answer::bash(
                "git rm -q poison && git commit -q -m 'take the poison out'",
            )],
        )
        .on(
            "Order 10:",
            [Answer::error(400, "invalid_request_error", "never granted")],
        )
        .on(
            "Order 1:",
            [
                Answer::write("tour/streets.md", &streets("is not named")),
                Answer::bash("printf %s \"$ANTHROPIC_API_KEY\" | cksum > tour/key.txt"),
                committed("draw the streets"),
            ],
        )
        .on(
            "Order 2:",
            [note("rivers"), Answer::text("I leave it lying there.")],
        )
        .on("Order 3:", main_street("runs north"))
        .on(
            "Order 4:",
            [
                read("Cargo.toml"),
                edit(
                    "Cargo.toml",
                    "[workspace]\n",
                    "# The square.\n[workspace]\n",
                ),
                note("square")
                    .then(Answer::text("Now to commit."))
                    .then(committed("pave the square")),
            ],
        )
        .on("Order 5:", main_street("runs south"))
        .on(
            "Order 6:",
            [
                note("gate"),
                Answer::write("poison", "poison\n"),
                committed("build the gate"),
            ],
        )
        .on("Order 7:", [note("market"), committed("open the market")])
        .on("Order 8:", [note("fair"), committed("hold a fair")])
        .on(
            "Order 9:",
            [
                Answer::bash("cat tour/*.md > tour/all.txt"),
                committed("walk"),
            ],
        )
}

/// Holds those who are to edit the same line back until both have begun from the same commit.
#[derive(Default)]
struct Meeting {
    here: Mutex<BTreeSet<String>>,
    came: Condvar,
}

impl Meeting {
    fn join(&self, who: &str) {
        let mut here = self.here.lock().unwrap();
        here.insert(who.to_owned());
        self.came.notify_all();
        let met = self
            .came
            .wait_timeout_while(here, PATIENCE, |here| here.len() < 2)
            .unwrap();
        assert!(!met.1.timed_out(), "{who} was alone");
    }
}

/// The model of the tour.
pub(super) fn script() -> impl Script {
    let (table, meeting) = (table(), Meeting::default());
    move |request: &Request| {
        let prompt = request.prompt();
        for order in ["Order 3:", "Order 5:"] {
            if request.step() == 0 && prompt.contains(order) {
                meeting.join(order);
            }
        }
        table.answer(request)
    }
}
