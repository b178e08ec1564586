//! The checks that need a whole plan, told with the lines of its source. Refuses to know how the
//! order of work is found.

use super::document::{Line, PlanDocument};
use super::error::{Errors, PlanError};
use super::outline::{Fault, Named, Need, Outline, OutlinePhase, OutlinePlan, OutlineTask};
use super::resolve::resolve;

/// How many steps of a cycle are told with their lines.
const STEPS: usize = 24;

/// Checks ids, names and cycles of a plan that was put together by hand; [`super::read`] and
/// [`super::build`] have done it already. `name` is what errors call it.
///
/// # Errors
/// All that is wrong with it.
pub fn check(document: &PlanDocument, name: &str) -> Result<(), Vec<PlanError>> {
    let mut errors = Errors::new(name);
    check_into(document, &mut errors);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.join(Errors::new(name)))
    }
}

/// The bones of a plan, for [`resolve`].
#[must_use]
pub fn outline(document: &PlanDocument) -> Outline<'_> {
    let phases = document.phases.iter().map(|phase| OutlinePhase {
        id: &phase.id,
        after: phase.after.as_deref(),
        plans: phase
            .plans
            .iter()
            .map(|plan| OutlinePlan {
                id: &plan.id,
                after: plan.after.as_deref(),
                tasks: plan
                    .tasks
                    .iter()
                    .map(|task| OutlineTask {
                        id: &task.id,
                        after: task.after.as_deref(),
                    })
                    .collect(),
            })
            .collect(),
    });
    Outline {
        phases: phases.collect(),
    }
}

/// Adds what is wrong to `errors`.
pub(super) fn check_into(document: &PlanDocument, errors: &mut Errors) {
    let Err(faults) = resolve(&outline(document)) else {
        return;
    };
    let lines = Lines::of(document);
    for fault in faults {
        lines.tell(fault, errors);
    }
}

/// Where everything stands: heading and `after`.
struct Lines {
    phases: Vec<(Line, Line)>,
    plans: Vec<(Line, Line)>,
    tasks: Vec<(Line, Line)>,
}

impl Lines {
    fn of(document: &PlanDocument) -> Self {
        let phases = document.phases.iter();
        let plans = phases.clone().flat_map(|phase| &phase.plans);
        let tasks = plans.clone().flat_map(|plan| &plan.tasks);
        Self {
            phases: phases.map(|phase| (phase.line, phase.after_line)).collect(),
            plans: plans.map(|plan| (plan.line, plan.after_line)).collect(),
            tasks: tasks.map(|task| (task.line, task.after_line)).collect(),
        }
    }

    fn at(&self, need: Need) -> (Line, Line) {
        match need {
            Need::Task(task) => self.tasks[task],
            Need::Plan(plan) => self.plans[plan],
            Need::Phase(phase) => self.phases[phase],
        }
    }

    fn heading(&self, named: &Named) -> Line {
        self.at(named.need).0
    }

    /// The thing with its line, when it has one.
    fn placed(&self, named: &Named) -> String {
        match self.heading(named) {
            Line(0) => format!("`{named}`"),
            Line(line) => format!("`{named}` (line {line})"),
        }
    }

    fn tell(&self, fault: Fault, errors: &mut Errors) {
        let (what, form) = (fault.to_string(), errors.form);
        match fault {
            Fault::Duplicate { first, second } => {
                let what = match (self.heading(&first), self.heading(&second)) {
                    (Line(0), _) => what,
                    (Line(one), Line(two)) => format!("{what}, in lines {one} and {two}"),
                };
                let own = form.attribute("id", &format!("{}-2", first.id));
                errors
                    .add(self.heading(&second), what)
                    .cause(format!(
                        "ids are unique among the {}s of an initiative",
                        first.need.level().word()
                    ))
                    .hint(format!("write an id of its own under one of them: {own}"));
            }
            Fault::Unknown { at, nearest, .. } => {
                let hint = match nearest {
                    Some(near) => {
                        format!("the nearest id is `{near}`; names are separated by commas")
                    }
                    None => format!(
                        "an id is the slug of the title unless `{}` says otherwise; names are separated by commas",
                        form.pick("- id:", "id")
                    ),
                };
                let error = errors.add(self.at(at.need).1, what);
                error
                    .cause(format!("it stands under {}", self.placed(&at)))
                    .hint(hint);
            }
            Fault::Itself { at } => {
                errors
                    .add(self.at(at.need).1, what)
                    .cause(format!("{} waits for itself", self.placed(&at)))
                    .hint(format!(
                        "a name is looked up as task, then plan, then phase; take it out, or write {}",
                        form.pick("`after: none`", "`after` as `none`")
                    ));
            }
            Fault::Cycle { path } => self.tell_cycle(what, &path, errors),
            Fault::TooMany(_) => {
                errors
                    .add(Line(0), what)
                    .hint("give the empty plans and phases shorter lists");
            }
        }
    }

    fn tell_cycle(&self, what: String, path: &[Named], errors: &mut Errors) {
        let Some(first) = path.first() else { return };
        let next = path.iter().skip(1).chain([first]);
        let mut steps: Vec<String> = path
            .iter()
            .zip(next)
            .take(STEPS)
            .map(|(one, other)| format!("{} waits for {}", self.placed(one), self.placed(other)))
            .collect();
        if path.len() > STEPS {
            steps.push(format!("and {} more steps", path.len() - STEPS));
        }
        errors
            .add(self.heading(first), what)
            .cause(steps.join("; "))
            .hint("an `after` of its own replaces what a thing waits for by its place: write one, or take a name out");
    }
}
