//! Writing a plan so that reading it gives the same plan. Owns the layout of written files;
//! refuses to know where they go.

use super::document::{Choice, Initiative, PlanDocument, Task};
use super::lines::{escape, write_heading};
use super::section::Level;

/// Writes a plan as a file, with every id.
#[must_use]
pub fn export(document: &PlanDocument) -> String {
    let Initiative { title, text, .. } = &document.initiative;
    let mut out = String::new();
    write(
        &mut out,
        Level::Initiative,
        title,
        initiative_attributes(&document.initiative),
        text,
    );
    for phase in &document.phases {
        write(
            &mut out,
            Level::Phase,
            &phase.title,
            group_attributes(&phase.id, phase.after.as_deref()),
            &phase.text,
        );
        for plan in &phase.plans {
            write(
                &mut out,
                Level::Plan,
                &plan.title,
                group_attributes(&plan.id, plan.after.as_deref()),
                &plan.text,
            );
            for task in &plan.tasks {
                write(
                    &mut out,
                    Level::Task,
                    &task.title,
                    task_attributes(task),
                    &task.text,
                );
            }
        }
    }
    out
}

fn write(out: &mut String, level: Level, title: &str, attributes: Vec<(&str, String)>, text: &str) {
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&write_heading(level, title));
    out.push('\n');
    for (key, value) in attributes {
        out.push_str(&format!("- {key}: {value}\n"));
    }
    if !text.is_empty() {
        out.push('\n');
        escape(text, out);
    }
}

fn initiative_attributes(initiative: &Initiative) -> Vec<(&'static str, String)> {
    let mut attributes = vec![("id", initiative.id.clone())];
    attributes.extend(initiative.base.clone().map(|base| ("base", base)));
    attributes.extend(
        initiative
            .agents
            .map(|agents| ("agents", agents.to_string())),
    );
    attributes.extend(
        initiative
            .budget
            .map(|budget| ("budget", budget.to_string())),
    );
    attributes
}

fn group_attributes(id: &str, after: Option<&[String]>) -> Vec<(&'static str, String)> {
    let mut attributes = vec![("id", id.to_owned())];
    attributes.extend(after.map(|names| ("after", write_after(names))));
    attributes
}

fn write_after(names: &[String]) -> String {
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

/// The attributes of a task as a file has them, in the order of [`Level::keys`], without those
/// that say no more than their default. [`super::build_task`] reads them back.
#[must_use]
pub fn task_attributes(task: &Task) -> Vec<(&'static str, String)> {
    let mut attributes = group_attributes(&task.id, task.after.as_deref());
    attributes.extend(chosen("kind", task.kind));
    attributes.extend(task.agent.clone().map(|agent| ("agent", agent)));
    attributes.extend(task.model.clone().map(|model| ("model", model)));
    attributes.extend(chosen("priority", task.priority));
    attributes.extend((!task.touches.is_empty()).then(|| ("touches", task.touches.join(", "))));
    attributes.extend(
        task.verify
            .iter()
            .map(|command| ("verify", command.clone())),
    );
    attributes.extend(chosen("review", task.review));
    attributes.extend(task.budget.map(|budget| ("budget", budget.to_string())));
    attributes.extend(task.timeout.map(|timeout| ("timeout", timeout.to_string())));
    attributes.extend(
        task.attempts
            .map(|attempts| ("attempts", attempts.to_string())),
    );
    attributes
}

fn chosen<T: Choice + Default>(key: &'static str, choice: T) -> Option<(&'static str, String)> {
    (choice != T::default()).then(|| (key, choice.word().to_owned()))
}
