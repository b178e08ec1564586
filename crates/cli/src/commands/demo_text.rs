//! What `cw demo` works on: a small town guide, its plan and its configuration.

use std::path::Path;

/// The question that one agent asks, and its options.
pub(crate) const QUESTION: &str = "Opening hours: 12-hour or 24-hour clock?";
/// The answers on offer; the demo gives the second.
pub(crate) const CLOCKS: [&str; 2] = ["12-hour", "24-hour"];

/// The repository's first file.
pub(crate) const README: &str = "# Town guide\n\nA throw-away repository of `cw demo`.\n";
/// The file whose first line two agents change.
pub(crate) const GUIDE: &str =
    "Greeting: (to be written)\n\nThis guide leads you through the town.\n";

/// Six tasks in two phases.
pub(crate) const PLAN: &str = "# Town guide
- id: town-guide
- base: main

A short guide to a small town.

## Pages
- id: pages
### Market
#### Market page
- id: market-page

Write `market.md`: what there is on the market square.

### Harbour
#### Harbour page
- id: harbour-page

Write `harbour.md`: what there is at the harbour.

## Guide
- id: guide
### Formal
#### Formal greeting
- id: formal-greeting

Change the first line of `guide.md` into a formal greeting.

### Warm
#### Warm greeting
- id: warm-greeting

Change the first line of `guide.md` into a warm greeting.

### Hours
#### Opening hours
- id: opening-hours

Write `hours.md`. Ask which clock to use.

### Checklist
#### Visitor's checklist
- id: checklist

Write `checklist.md`, a list of what to bring.
";

/// The configuration of the throw-away repository.
pub(crate) fn config(program: &Path) -> String {
    let program = program.to_string_lossy();
    let quoted = serde_json::Value::from(program.as_ref());
    let gate = format!("'{}' demo-gate", program.replace('\'', r"'\''"));
    let gate = serde_json::Value::from(gate);
    format!(
        "base = \"main\"\n\n[agents]\nmax = 4\ndefault = \"demo\"\n\n[agents.demo]\nkind = \"script\"\n\
         command = [{quoted}, \"demo-agent\"]\n\n[gates]\ncommands = [{gate}]\ntimeout = \"1m\"\n"
    )
}

/// What the user is told before it starts.
pub(crate) const OPENING: &str = "\
A town guide is written by four scripted agents at once: six tasks in two
phases, each in a worktree of its own, merged one after the other behind a gate.
On the way
  - one agent asks a question (the demo answers it itself),
  - two agents change the same line (the later one gets it back and settles it),
  - one forgets something that the gate finds (it gets it back and mends it).
";
