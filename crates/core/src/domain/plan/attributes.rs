//! The attributes under a heading: which it may have, and what their values come to. Refuses to
//! know which heading belongs under which.

use super::document::{Line, Priority, Review, TaskKind};
use super::error::Errors;
use super::id::{id_fault, nearest, slug};
use super::section::{Attribute, Level, Section};
use super::values::{self, Bad};
use crate::domain::duration::Seconds;
use crate::domain::money::Usd;

/// The attributes of any section. An id that cannot be made stays empty and is not looked up.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) id: String,
    pub(super) base: Option<String>,
    pub(super) agents: Option<u32>,
    pub(super) budget: Option<Usd>,
    pub(super) after: Option<Vec<String>>,
    pub(super) after_line: Line,
    pub(super) agent_line: Line,
    pub(super) budget_line: Line,
    pub(super) kind: TaskKind,
    pub(super) agent: Option<String>,
    pub(super) model: Option<String>,
    pub(super) priority: Priority,
    pub(super) touches: Vec<String>,
    pub(super) verify: Vec<String>,
    pub(super) review: Review,
    pub(super) timeout: Option<Seconds>,
    pub(super) attempts: Option<u32>,
}

impl Fields {
    /// Reads the attributes of a section, and its title where it has no id.
    pub(super) fn of(section: &Section, errors: &mut Errors) -> Self {
        let mut fields = Self::default();
        let mut seen: Vec<(&str, Line)> = Vec::new();
        for attribute in &section.attributes {
            let key = attribute.key.as_str();
            if !section.level.keys().contains(&key) {
                unknown_key(section, attribute, errors);
                continue;
            }
            if let Some((_, first)) = seen
                .iter()
                .find(|(seen, _)| *seen == key && key != "verify")
            {
                twice(section, attribute, *first, errors);
                continue;
            }
            if !seen.iter().any(|(seen, _)| *seen == key) {
                seen.push((key, attribute.line));
            }
            if let Err(bad) = fields.set(attribute) {
                let what = format!("`{key}` cannot be `{}`", excerpt(&attribute.value));
                let better = bad.better.map(|better| errors.form.attribute(key, &better));
                let error = errors.add(attribute.line, located(section, Some(key), what));
                error.cause(bad.cause);
                error.hint = better.map(|better| format!("write {better}")).or(bad.hint);
            }
        }
        if !section
            .attributes
            .iter()
            .any(|attribute| attribute.key == "id")
        {
            fields.id = default_id(section, errors);
        }
        check_title(section, errors);
        fields
    }

    fn set(&mut self, attribute: &Attribute) -> Result<(), Bad> {
        match attribute.key.as_str() {
            "after" => {
                // A value that cannot be read must not bring back the default order.
                self.after = Some(Vec::new());
                self.after_line = attribute.line;
            }
            "agent" => self.agent_line = attribute.line,
            "budget" => self.budget_line = attribute.line,
            _ => {}
        }
        let value = values::any(&attribute.value)?;
        match attribute.key.as_str() {
            "id" => self.id = values::id(value)?,
            "base" => self.base = Some(values::branch(value)?),
            "agents" => self.agents = Some(values::agents(value)?),
            "budget" => self.budget = Some(values::parsed(value)?),
            "after" => self.after = Some(values::names(value)?),
            "kind" => self.kind = values::choice(value)?,
            "agent" => self.agent = Some(values::name(value)?),
            "model" => self.model = Some(values::name(value)?),
            "priority" => self.priority = values::choice(value)?,
            "touches" => self.touches = values::globs(value)?,
            "verify" => self.verify.push(value.to_owned()),
            "review" => self.review = values::choice(value)?,
            "timeout" => self.timeout = Some(values::parsed(value)?),
            "attempts" => self.attempts = Some(values::attempts(value)?),
            _ => {}
        }
        Ok(())
    }
}

/// Says where something stands, in an error that has no line to say it.
pub(super) fn located(section: &Section, key: Option<&str>, what: String) -> String {
    let place = section.place.as_deref();
    let steps = [place, key.filter(|_| place.is_some())];
    let steps: Vec<&str> = steps
        .into_iter()
        .flatten()
        .filter(|s| !s.is_empty())
        .collect();
    match (section.line, place) {
        (Line(0), None) => {
            let (level, title) = (section.level.word(), excerpt(&section.title));
            format!("{what} (of the {level} `{title}`)")
        }
        _ if steps.is_empty() => what,
        _ => format!("{}: {what}", steps.join(".")),
    }
}

fn excerpt(value: &str) -> String {
    let mut short: String = value.chars().take(60).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    short
}

fn unknown_key(section: &Section, attribute: &Attribute, errors: &mut Errors) {
    let (form, level) = (errors.form, section.level.word());
    let keys = section.level.keys();
    let key = excerpt(&attribute.key);
    let what = form.pick(
        format!(
            "unknown key `{key}` under a `{}` heading",
            section.level.marks()
        ),
        format!("unknown key `{key}` of a {level}"),
    );
    let error = errors.add(attribute.line, located(section, Some(&key), what));
    error.cause(format!("the keys of the {level} are {}", keys.join(", ")));
    if let Some(near) = nearest(&attribute.key, keys.iter().copied()) {
        let home = Level::of_key(&attribute.key).map(|home| {
            form.pick(
                format!(" (`{key}` stands under a `{}`)", home.marks()),
                format!(" (`{key}` belongs to the {})", home.word()),
            )
        });
        let text = form.pick("; if the line is text, write `\\` before it", "");
        let home = home.unwrap_or_default();
        error.hint(format!("the nearest is `{near}`{home}{text}"));
    }
}

fn twice(section: &Section, attribute: &Attribute, first: Line, errors: &mut Errors) {
    let (form, key) = (errors.form, attribute.key.as_str());
    let mut what = format!("`{key}` is given twice");
    if first.0 > 0 {
        what = format!("{what}, first in line {}", first.0);
    }
    let error = errors.add(attribute.line, located(section, Some(key), what));
    match key {
        "after" | "touches" => error.hint(form.pick(
            format!("write all in one line: `- {key}: a, b`"),
            "write all of it once, with commas between: `a, b`".to_owned(),
        )),
        _ => error.hint("take one of them out"),
    };
}

fn default_id(section: &Section, errors: &mut Errors) -> String {
    let title = section.title.as_str();
    let id = slug(title).filter(|id| id_fault(id).is_none());
    if id.is_none() && !title.is_empty() {
        let hint = errors
            .form
            .pick("write `- id: …` under it", "give it an `id` of its own");
        let what = format!("no id can be made of the title `{}`", excerpt(title));
        errors
            .add(section.line, located(section, Some("title"), what))
            .cause("an id is made of lower-case letters, digits and `-`, and is not `none`")
            .hint(hint);
    }
    id.unwrap_or_default()
}

fn check_title(section: &Section, errors: &mut Errors) {
    let (form, level, mark) = (errors.form, section.level.word(), section.level.marks());
    if section.title.is_empty() {
        let what = form.pick(
            format!("a `{mark}` heading without a title"),
            format!("the {level} has no title"),
        );
        errors
            .add(section.line, located(section, Some("title"), what))
            .hint(form.pick(
                format!("write the {level}'s title after it, or `\\` before it if it is text"),
                "give it a `title`".to_owned(),
            ));
    } else if let Some(fault) = values::title_fault(&section.title) {
        let what = format!("the title `{}` cannot be taken", excerpt(&section.title));
        errors
            .add(section.line, located(section, Some("title"), what))
            .cause(fault);
    }
}
