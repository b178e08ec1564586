//! The bones of an initiative: ids, order and `after`, borrowed from a plan file or from stored
//! rows alike. Owns looking up names; refuses to know texts and what has become of the work.

use std::collections::HashMap;
use std::fmt;

use super::id::resembling;
use super::section::Level;

/// The phases of an initiative in written order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outline<'a> {
    /// The phases.
    pub phases: Vec<OutlinePhase<'a>>,
}

/// A phase.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OutlinePhase<'a> {
    /// Its id; empty when it has none (it cannot be named then).
    pub id: &'a str,
    /// Its own `after`; empty is `none`.
    pub after: Option<&'a [String]>,
    /// Its plans in written order.
    pub plans: Vec<OutlinePlan<'a>>,
}

/// A plan.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OutlinePlan<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its own `after`.
    pub after: Option<&'a [String]>,
    /// Its tasks in written order.
    pub tasks: Vec<OutlineTask<'a>>,
}

/// A task.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OutlineTask<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its own `after`.
    pub after: Option<&'a [String]>,
}

/// Something that can be waited for, by its place in written order: tasks are counted through
/// the whole initiative, and so are plans.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Need {
    /// One task.
    Task(usize),
    /// All tasks of a plan.
    Plan(usize),
    /// All tasks of a phase.
    Phase(usize),
}

impl Need {
    /// Its level.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            Self::Task(_) => Level::Task,
            Self::Plan(_) => Level::Plan,
            Self::Phase(_) => Level::Phase,
        }
    }
}

/// A thing with its id, for errors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// Which.
    pub need: Need,
    /// Its id.
    pub id: String,
}

impl fmt::Display for Named {
    /// Writes a task as its id, a group with its level before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.need {
            Need::Task(_) => f.write_str(&self.id),
            Need::Plan(_) | Need::Phase(_) => write!(f, "{} {}", self.need.level().word(), self.id),
        }
    }
}

/// Why an outline has no order of work.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// Two things of one level have the same id.
    #[error("two {}s have the id `{}`", .first.need.level().word(), .first.id)]
    Duplicate {
        /// The first of them.
        first: Named,
        /// Another.
        second: Named,
    },
    /// A name in `after` that nothing has.
    #[error("`after` names `{name}`, and no task, plan or phase has this id")]
    Unknown {
        /// Whose `after`.
        at: Named,
        /// The name.
        name: String,
        /// A known id that looks like it.
        nearest: Option<String>,
    },
    /// A name in `after` that means the thing itself.
    #[error("a cycle: {at} → {at}")]
    Itself {
        /// Which.
        at: Named,
    },
    /// Things that wait for each other.
    #[error("a cycle: {}", spell(.path))]
    Cycle {
        /// Each waits for the next, the last for the first.
        path: Vec<Named>,
    },
    /// The `after` of empty groups, spelled out, are too many.
    #[error(
        "the names in `after` come to more than {0} once empty plans and phases are passed through"
    )]
    TooMany(usize),
}

/// How many names of a long cycle are written at either end.
const SPELLED: usize = 12;

/// Writes `a → b → c → a`.
fn spell(path: &[Named]) -> String {
    let names: Vec<String> = path
        .iter()
        .chain(path.first())
        .map(ToString::to_string)
        .collect();
    if names.len() <= 2 * SPELLED {
        return names.join(" → ");
    }
    let skipped = names.len() - 2 * SPELLED;
    let (head, tail) = (
        names[..SPELLED].join(" → "),
        names[names.len() - SPELLED..].join(" → "),
    );
    format!("{head} → … {skipped} more … → {tail}")
}

/// A phase or plan among its kind.
pub(super) struct Group<'a> {
    pub(super) id: &'a str,
    pub(super) after: Option<&'a [String]>,
    pub(super) tasks: std::ops::Range<usize>,
    /// The phase of a plan; of a phase, itself.
    pub(super) phase: usize,
}

/// An outline laid flat, with its names looked up.
pub(super) struct Flat<'a> {
    pub(super) phases: Vec<Group<'a>>,
    pub(super) plans: Vec<Group<'a>>,
    pub(super) tasks: Vec<OutlineTask<'a>>,
    /// The plan of each task.
    pub(super) plan_of: Vec<usize>,
    known: HashMap<&'a str, Known>,
    pub(super) faults: Vec<Fault>,
}

/// Who has an id, per level.
#[derive(Clone, Copy, Default)]
struct Known {
    task: Option<Holder>,
    plan: Option<Holder>,
    phase: Option<Holder>,
}

#[derive(Clone, Copy)]
struct Holder {
    first: Need,
    /// More than one has it: a name that could mean either means nothing.
    shared: bool,
}

/// How many unknown names get a search for what was meant; the search reads all ids.
const SEARCHES: usize = 5;

impl<'a> Flat<'a> {
    pub(super) fn of(outline: &Outline<'a>) -> Self {
        let mut flat = Self {
            phases: Vec::with_capacity(outline.phases.len()),
            plans: Vec::new(),
            tasks: Vec::new(),
            plan_of: Vec::new(),
            known: HashMap::new(),
            faults: Vec::new(),
        };
        for (number, phase) in outline.phases.iter().enumerate() {
            let start = flat.tasks.len();
            flat.hold(Need::Phase(number), phase.id);
            for plan in &phase.plans {
                let first = flat.tasks.len();
                flat.hold(Need::Plan(flat.plans.len()), plan.id);
                for task in &plan.tasks {
                    flat.hold(Need::Task(flat.tasks.len()), task.id);
                    flat.plan_of.push(flat.plans.len());
                    flat.tasks.push(*task);
                }
                let tasks = first..flat.tasks.len();
                flat.plans.push(Group {
                    id: plan.id,
                    after: plan.after,
                    tasks,
                    phase: number,
                });
            }
            let tasks = start..flat.tasks.len();
            flat.phases.push(Group {
                id: phase.id,
                after: phase.after,
                tasks,
                phase: number,
            });
        }
        flat
    }

    fn hold(&mut self, need: Need, id: &'a str) {
        if id.is_empty() {
            return;
        }
        let known = self.known.entry(id).or_default();
        let slot = match need {
            Need::Task(_) => &mut known.task,
            Need::Plan(_) => &mut known.plan,
            Need::Phase(_) => &mut known.phase,
        };
        if let Some(holder) = slot {
            holder.shared = true;
            let named = |need| Named {
                need,
                id: id.to_owned(),
            };
            self.faults.push(Fault::Duplicate {
                first: named(holder.first),
                second: named(need),
            });
        } else {
            *slot = Some(Holder {
                first: need,
                shared: false,
            });
        }
    }

    /// The thing with its id.
    pub(super) fn named(&self, need: Need) -> Named {
        let id = match need {
            Need::Task(task) => self.tasks[task].id,
            Need::Plan(plan) => self.plans[plan].id,
            Need::Phase(phase) => self.phases[phase].id,
        };
        Named {
            need,
            id: id.to_owned(),
        }
    }

    /// What the names of an `after` mean: task, then plan, then phase. What means nothing, or
    /// the thing itself, becomes a fault.
    pub(super) fn look_up(&mut self, at: Need, names: &[String]) -> Vec<Need> {
        let mut needs = Vec::with_capacity(names.len());
        for name in names {
            let known = self.known.get(name.as_str()).copied().unwrap_or_default();
            match known.task.or(known.plan).or(known.phase) {
                None => self.unknown(at, name),
                Some(holder) if holder.shared => {}
                Some(holder) if holder.first == at => {
                    self.faults.push(Fault::Itself { at: self.named(at) });
                }
                Some(holder) => needs.push(holder.first),
            }
        }
        needs
    }

    fn unknown(&mut self, at: Need, name: &str) {
        let searched = self
            .faults
            .iter()
            .filter(|fault| matches!(fault, Fault::Unknown { .. }))
            .take(SEARCHES)
            .count();
        let ids = self.tasks.iter().map(|task| task.id);
        let ids = ids.chain(self.plans.iter().chain(&self.phases).map(|group| group.id));
        let near = if searched < SEARCHES {
            resembling(name, ids.filter(|id| !id.is_empty()))
        } else {
            None
        };
        let nearest = near.map(str::to_owned);
        self.faults.push(Fault::Unknown {
            at: self.named(at),
            name: name.to_owned(),
            nearest,
        });
    }
}
