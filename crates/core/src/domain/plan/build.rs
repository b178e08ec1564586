//! From sections to a plan: which heading belongs under which, which attributes it may have, and
//! what stands in for those that are not written. Refuses to know the syntax of files.

use super::attributes::{Fields, located};
use super::check::check_into;
use super::document::{Initiative, Line, Phase, Plan, PlanDocument, Task};
use super::error::{Errors, Form, PlanError};
use super::lines::normal_text;
use super::section::{Level, Section};
use super::values;

/// Builds a plan from sections in written order and checks it, by the same rules as a file;
/// `name` is what errors call it.
///
/// # Errors
/// All that is wrong with it.
pub fn build(sections: Vec<Section>, name: &str) -> Result<PlanDocument, Vec<PlanError>> {
    let mut errors = Errors::in_form(name, Form::Plain);
    let document = build_sections(sections, &mut errors);
    finish(document, errors, name)
}

/// Builds one task by the same rules as a file; what it waits for is not looked up.
///
/// # Errors
/// All that is wrong with it.
pub fn build_task(mut section: Section, name: &str) -> Result<Task, Vec<PlanError>> {
    section.title = section.title.trim().to_owned();
    let mut errors = Errors::in_form(name, Form::Plain);
    let task = task(section, &mut errors);
    if errors.is_empty() {
        Ok(task)
    } else {
        Err(errors.join(Errors::new(name)))
    }
}

/// Checks a built plan and returns it, or all errors of both steps.
pub(super) fn finish(
    document: PlanDocument,
    errors: Errors,
    name: &str,
) -> Result<PlanDocument, Vec<PlanError>> {
    let mut more = Errors::in_form(name, errors.form);
    check_into(&document, &mut more);
    if errors.is_empty() && more.is_empty() {
        Ok(document)
    } else {
        Err(errors.join(more))
    }
}

/// Where the next section goes.
#[derive(Default)]
struct Building {
    document: PlanDocument,
    begun: bool,
    /// Phases stand for a level that was left out.
    phases_implied: bool,
    /// The last phase's only plan stands for a level that was left out.
    plan_implied: bool,
    groups: usize,
    tasks: usize,
}

/// Builds what can be built; what is wrong goes to `errors`.
pub(super) fn build_sections(sections: Vec<Section>, errors: &mut Errors) -> PlanDocument {
    let mut building = Building::default();
    for section in sections {
        building.add(section, errors);
    }
    if !building.begun && errors.is_empty() {
        missing_initiative(Line(1), errors);
    }
    building.document
}

fn missing_initiative(line: Line, errors: &mut Errors) {
    errors
        .add(line, "no `#` heading before this")
        .hint("begin the file with `# ` and the initiative's title");
}

impl Building {
    fn add(&mut self, mut section: Section, errors: &mut Errors) {
        section.title = section.title.trim().to_owned();
        if !self.begun && section.level != Level::Initiative {
            missing_initiative(section.line, errors);
            self.begun = true;
            self.document.initiative.line = section.line;
        }
        match section.level {
            Level::Initiative => self.add_initiative(section, errors),
            Level::Phase => self.add_phase(section, errors),
            Level::Plan => self.add_plan(section, errors),
            Level::Task => self.add_task(section, errors),
        }
    }

    fn add_initiative(&mut self, section: Section, errors: &mut Errors) {
        if self.begun {
            let first = self.document.initiative.line.0;
            errors
                .add(section.line, "a second `#` heading")
                .cause(format!(
                    "a file is one initiative, it begins in line {first}"
                ))
                .hint("make it a file of its own, or write `\\` before it if it is text");
            return;
        }
        self.begun = true;
        let fields = Fields::of(&section, errors);
        let text = text(&section, errors);
        self.document.initiative = Initiative {
            id: fields.id,
            title: section.title,
            text,
            base: fields.base,
            agents: fields.agents,
            budget: fields.budget,
            line: section.line,
            budget_line: fields.budget_line,
        };
    }

    fn add_phase(&mut self, section: Section, errors: &mut Errors) {
        if self.phases_implied {
            mixed(
                &section,
                self.document.phases.first().map(|phase| phase.line),
                errors,
            );
            self.phases_implied = false;
        }
        let fields = Fields::of(&section, errors);
        let text = text(&section, errors);
        self.push_phase(
            Phase {
                id: fields.id,
                title: section.title,
                text,
                after: fields.after,
                plans: Vec::new(),
                line: section.line,
                after_line: fields.after_line,
            },
            errors,
        );
    }

    fn add_plan(&mut self, section: Section, errors: &mut Errors) {
        if self.plan_implied {
            let first = self
                .document
                .phases
                .last()
                .and_then(|phase| phase.plans.first())
                .map(|plan| plan.line);
            mixed(&section, first, errors);
            self.plan_implied = false;
        }
        self.imply_phase(section.line, errors);
        let fields = Fields::of(&section, errors);
        let text = text(&section, errors);
        self.push_plan(
            Plan {
                id: fields.id,
                title: section.title,
                text,
                after: fields.after,
                tasks: Vec::new(),
                line: section.line,
                after_line: fields.after_line,
            },
            errors,
        );
    }

    fn add_task(&mut self, section: Section, errors: &mut Errors) {
        self.tasks += 1;
        if self.tasks > values::TASKS {
            if self.tasks == values::TASKS + 1 {
                errors
                    .add(section.line, format!("more than {} tasks", values::TASKS))
                    .hint("divide the plan into several initiatives");
            }
            return;
        }
        self.imply_phase(section.line, errors);
        self.imply_plan(section.line, errors);
        let task = task(section, errors);
        if let Some(plan) = self
            .document
            .phases
            .last_mut()
            .and_then(|phase| phase.plans.last_mut())
        {
            plan.tasks.push(task);
        }
    }

    /// Without any `##` the initiative is one phase, which has its id and title.
    fn imply_phase(&mut self, line: Line, errors: &mut Errors) {
        if self.document.phases.is_empty() {
            let Initiative { id, title, .. } = &self.document.initiative;
            let phase = Phase {
                id: id.clone(),
                title: title.clone(),
                line,
                ..Phase::default()
            };
            self.push_phase(phase, errors);
            self.phases_implied = true;
        }
    }

    /// Without any `###` a phase is one plan, which has its id and title. This is allowed under
    /// each `##`, not only where that is left out too: there is one way to mean it.
    fn imply_plan(&mut self, line: Line, errors: &mut Errors) {
        let Some(phase) = self
            .document
            .phases
            .last()
            .filter(|phase| phase.plans.is_empty())
        else {
            return;
        };
        let plan = Plan {
            id: phase.id.clone(),
            title: phase.title.clone(),
            line,
            ..Plan::default()
        };
        self.push_plan(plan, errors);
        self.plan_implied = true;
    }

    fn push_phase(&mut self, phase: Phase, errors: &mut Errors) {
        self.plan_implied = false;
        if self.count_group(phase.line, errors) {
            self.document.phases.push(phase);
        }
    }

    fn push_plan(&mut self, plan: Plan, errors: &mut Errors) {
        if self.count_group(plan.line, errors)
            && let Some(phase) = self.document.phases.last_mut()
        {
            phase.plans.push(plan);
        }
    }

    fn count_group(&mut self, line: Line, errors: &mut Errors) -> bool {
        self.groups += 1;
        if self.groups == values::GROUPS + 1 {
            errors.add(
                line,
                format!("more than {} phases and plans", values::GROUPS),
            );
        }
        self.groups <= values::GROUPS
    }
}

/// A level was left out and then written: what stands above would silently become a group of its
/// own beside the written ones.
fn mixed(section: &Section, first: Option<Line>, errors: &mut Errors) {
    let (level, mark) = (section.level.word(), section.level.marks());
    let mut what = format!("a {level} after tasks or plans that stand in no {level}");
    if let Some(Line(line @ 1..)) = first {
        what = format!("{what} (from line {line})");
    }
    let hint = errors.form.pick(
        format!("write a `{mark} …` heading above those too, or none at all"),
        format!("put those into a {level} too, or write no {level} at all"),
    );
    errors
        .add(section.line, located(section, None, what))
        .hint(hint);
}

fn task(section: Section, errors: &mut Errors) -> Task {
    let fields = Fields::of(&section, errors);
    let text = text(&section, errors);
    Task {
        id: fields.id,
        title: section.title,
        text,
        after: fields.after,
        kind: fields.kind,
        agent: fields.agent,
        model: fields.model,
        priority: fields.priority,
        touches: fields.touches,
        verify: fields.verify,
        review: fields.review,
        budget: fields.budget,
        timeout: fields.timeout,
        attempts: fields.attempts,
        line: section.line,
        after_line: fields.after_line,
        agent_line: fields.agent_line,
        budget_line: fields.budget_line,
    }
}

fn text(section: &Section, errors: &mut Errors) -> String {
    let text = normal_text(&section.text);
    if let Some(fault) = values::text_fault(&text) {
        errors
            .add(
                section.line,
                located(
                    section,
                    Some("text"),
                    format!("the text under `{}` cannot be taken", section.title),
                ),
            )
            .cause(fault);
    }
    text
}
