//! A plan as JSON: the same document as a plan file, with the same words.
//!
//! It owns the shape and its JSON Schema. It refuses to know the rules for values: they are the
//! plan file's, and [`PlanJson::headings`] hands every value over as the file would write it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A plan: one initiative with its phases, their plans (lines of work) and their tasks. Phases
/// run one after another, plans of a phase side by side, tasks of a plan one after another,
/// unless `after` says otherwise. A level that is not needed may be left out: write `plans` or
/// `tasks` in place of `phases`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanJson {
    /// The id: lower-case letters, digits and `-`. Default: made of the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the initiative is called.
    pub title: String,
    /// What is to be reached, for people and as context for every agent. Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The branch the work starts from and lands on. Default: the project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// How many agents may work at once. Default: the project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents: Option<u32>,
    /// Money the initiative may use, in US dollars: `"$20"` or `20`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Money>,
    /// The phases in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseJson>,
    /// Plans, when there is only one phase.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<LineJson>,
    /// Tasks, when there is only one phase with one plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskJson>,
}

/// A phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseJson {
    /// The id, unique among the phases. Default: made of the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the phase is called.
    pub title: String,
    /// What it is about; context for its agents. Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What it waits for, in place of the phase before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// Its plans, which run side by side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<LineJson>,
    /// Tasks, when it has only one plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskJson>,
}

/// A plan: one line of work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineJson {
    /// The id, unique among the plans of the initiative. Default: made of the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the plan is called.
    pub title: String,
    /// What it is about; context for its agents. Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What it waits for, in place of what its phase waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// Its tasks, which run one after another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskJson>,
}

/// A task: what one agent does and one merge carries.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskJson {
    /// The id, unique among the tasks of the initiative. Default: made of the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the task is called.
    pub title: String,
    /// The prompt for its agent. Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What must be merged before it starts, in place of the task before it in its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// Work for an agent (the default) or a person's approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindWord>,
    /// The agent to give it to: a name from `cw.toml`. Default: the project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model to ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Which of the ready tasks goes first. Default: `normal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<PriorityWord>,
    /// Globs of the files it is expected to change. A comma that is neither in `{}` nor in `[]`
    /// is written `\,`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touches: Vec<String>,
    /// Commands that must exit 0 on the merged tree, for this task alone; one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
    /// Who must approve its work before it is merged. Default: `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewWord>,
    /// Money it may use, in US dollars: `"$0.50"` or `0.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Money>,
    /// The longest that one turn of its agent may take: `"45s"`, `"30m"`, `"1h30m"`, or a number
    /// of seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// How many turns may fail before it is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// What something waits for: ids of tasks, plans or phases; `"none"` or an empty list for
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum After {
    /// A list of ids.
    Ids(Vec<String>),
    /// `none`, or ids with commas between them.
    Line(String),
}

/// An amount of US dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Money {
    /// As a number: `20`, `0.5`.
    Number(serde_json::Number),
    /// As text: `"$20"`.
    Text(String),
}

/// A span of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Span {
    /// As a number of seconds: `90`.
    Seconds(serde_json::Number),
    /// As text: `"1m30s"`.
    Text(String),
}

/// Whose work a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KindWord {
    /// An agent's.
    Work,
    /// A person's approval.
    Approval,
}

/// How urgent a task is among the ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PriorityWord {
    /// Before the others.
    High,
    /// As the others.
    Normal,
    /// After the others.
    Low,
}

/// Who approves a task's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReviewWord {
    /// Nobody.
    None,
    /// A person.
    Human,
}

/// The JSON Schema of [`PlanJson`].
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(PlanJson).to_value()
}

/// A heading of the plan file that says the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading<'a> {
    /// How many `#` it has: 1 initiative, 2 phase, 3 plan, 4 task.
    pub depth: u8,
    /// Its title.
    pub title: &'a str,
    /// Its attributes as the file writes them.
    pub attributes: Vec<(&'static str, String)>,
    /// Its text, not escaped.
    pub text: &'a str,
    /// Where it stands in the JSON, such as `phases[0].tasks[2]`; empty: at the top.
    pub place: String,
}

impl PlanJson {
    /// The headings of the plan file that says the same, in its order. Where a level is both
    /// left out and written, tasks come first, then plans, then phases.
    #[must_use]
    pub fn headings(&self) -> Vec<Heading<'_>> {
        let mut attributes = Attributes::default();
        attributes.text("id", self.id.as_ref());
        attributes.text("base", self.base.as_ref());
        attributes.text("agents", self.agents.as_ref());
        attributes.text("budget", self.budget.as_ref().map(Money::written).as_ref());
        let mut headings = vec![Heading {
            depth: 1,
            title: &self.title,
            attributes: attributes.0,
            text: &self.text,
            place: String::new(),
        }];
        task_headings(&self.tasks, "", &mut headings);
        plan_headings(&self.plans, "", &mut headings);
        for (n, phase) in self.phases.iter().enumerate() {
            let place = format!("phases[{n}]");
            let attributes = Attributes::of_group(phase.id.as_ref(), phase.after.as_ref());
            headings.push(Heading {
                depth: 2,
                title: &phase.title,
                attributes,
                text: &phase.text,
                place: place.clone(),
            });
            let within = format!("{place}.");
            task_headings(&phase.tasks, &within, &mut headings);
            plan_headings(&phase.plans, &within, &mut headings);
        }
        headings
    }
}

fn plan_headings<'a>(plans: &'a [LineJson], within: &str, headings: &mut Vec<Heading<'a>>) {
    for (n, plan) in plans.iter().enumerate() {
        let place = format!("{within}plans[{n}]");
        let attributes = Attributes::of_group(plan.id.as_ref(), plan.after.as_ref());
        headings.push(Heading {
            depth: 3,
            title: &plan.title,
            attributes,
            text: &plan.text,
            place: place.clone(),
        });
        task_headings(&plan.tasks, &format!("{place}."), headings);
    }
}

fn task_headings<'a>(tasks: &'a [TaskJson], within: &str, headings: &mut Vec<Heading<'a>>) {
    for (n, task) in tasks.iter().enumerate() {
        headings.push(task.heading(format!("{within}tasks[{n}]")));
    }
}

impl TaskJson {
    /// The heading of the plan file that says the same; `place` is where the task stands.
    fn heading(&self, place: String) -> Heading<'_> {
        let mut attributes =
            Attributes(Attributes::of_group(self.id.as_ref(), self.after.as_ref()));
        attributes.text("kind", self.kind.map(KindWord::word).as_ref());
        attributes.text("agent", self.agent.as_ref());
        attributes.text("model", self.model.as_ref());
        attributes.text("priority", self.priority.map(PriorityWord::word).as_ref());
        if !self.touches.is_empty() {
            attributes.0.push(("touches", self.touches.join(", ")));
        }
        attributes.0.extend(
            self.verify
                .iter()
                .map(|command| ("verify", command.clone())),
        );
        attributes.text("review", self.review.map(ReviewWord::word).as_ref());
        attributes.text("budget", self.budget.as_ref().map(Money::written).as_ref());
        attributes.text("timeout", self.timeout.as_ref().map(Span::written).as_ref());
        attributes.text("attempts", self.attempts.as_ref());
        Heading {
            depth: 4,
            title: &self.title,
            attributes: attributes.0,
            text: &self.text,
            place,
        }
    }
}

/// Attributes that are being collected.
#[derive(Default)]
struct Attributes(Vec<(&'static str, String)>);

impl Attributes {
    fn of_group(id: Option<&String>, after: Option<&After>) -> Vec<(&'static str, String)> {
        let mut attributes = Self::default();
        attributes.text("id", id);
        attributes.text("after", after.map(After::written).as_ref());
        attributes.0
    }

    fn text(&mut self, key: &'static str, value: Option<&impl ToString>) {
        self.0.extend(value.map(|value| (key, value.to_string())));
    }
}

impl After {
    fn written(&self) -> String {
        match self {
            Self::Ids(ids) if ids.is_empty() => "none".to_owned(),
            Self::Ids(ids) => ids.join(", "),
            Self::Line(line) => line.clone(),
        }
    }
}

impl Money {
    fn written(&self) -> String {
        match self {
            Self::Number(number) => amount(number),
            Self::Text(text) => text.clone(),
        }
    }
}

impl Span {
    fn written(&self) -> String {
        match self {
            Self::Seconds(number) => format!("{}s", decimal(number)),
            Self::Text(text) => text.clone(),
        }
    }
}

/// A number of dollars with its six decimals, as sums in floating point have more; one that would
/// round to nothing stays as it is.
fn amount(number: &serde_json::Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(dollars) if dollars >= 0.000_000_5 => {
            let text = format!("{dollars:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => decimal(number),
    }
}

/// A number without an exponent, and without decimals where it has none: floating point is
/// written so, and JSON is not.
fn decimal(number: &serde_json::Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(number) => number.to_string(),
        None => number.to_string(),
    }
}

impl KindWord {
    fn word(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Approval => "approval",
        }
    }
}

impl PriorityWord {
    fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

impl ReviewWord {
    fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Human => "human",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn accounts() -> serde_json::Value {
        json!({
            "title": "Accounts", "base": "main", "agents": 4, "budget": 20, "text": "Users can sign in.",
            "phases": [
                {"title": "Storage", "plans": [{"title": "Tables", "tasks": [
                    {"id": "users-table", "title": "Users table", "touches": ["migrations/**", "src/db/users.rs"],
                     "verify": ["cargo test -p db", "cargo fmt --check"], "text": "Create it."}
                ]}]},
                {"title": "API", "after": "none", "tasks": [
                    {"title": "Login", "priority": "high", "review": "human",
                     "kind": "work", "budget": "$0.50", "timeout": "30m", "attempts": 2, "after": []}
                ]}
            ]
        })
    }

    #[test]
    fn a_plan_becomes_the_headings_of_its_file() {
        let plan: PlanJson = serde_json::from_value(accounts()).unwrap();
        let headings = plan.headings();
        let depths: Vec<u8> = headings.iter().map(|heading| heading.depth).collect();
        assert_eq!(depths, [1, 2, 3, 4, 2, 4]);
        assert_eq!(
            headings[0].attributes,
            [
                ("base", "main".into()),
                ("agents", "4".into()),
                ("budget", "20".into())
            ]
        );
        assert_eq!(
            headings[3].attributes,
            [
                ("id", "users-table".into()),
                ("touches", "migrations/**, src/db/users.rs".into()),
                ("verify", "cargo test -p db".into()),
                ("verify", "cargo fmt --check".into()),
            ]
        );
        assert_eq!(headings[4].attributes, [("after", "none".into())]);
        assert_eq!(headings[5].attributes[0], ("after", "none".into()));
        assert_eq!(headings[5].attributes[4], ("budget", "$0.50".into()));
        assert_eq!(headings[3].text, "Create it.");
        let places: Vec<&str> = headings.iter().map(|heading| &*heading.place).collect();
        let deepest = "phases[0].plans[0].tasks[0]";
        assert_eq!(places[3..], [deepest, "phases[1]", "phases[1].tasks[0]"]);
    }

    #[test]
    fn numbers_are_written_as_a_file_writes_them() {
        for (value, written) in [
            ("20", "20"),
            ("20.0", "20"),
            ("0.5", "0.5"),
            ("1e-5", "0.00001"),
            ("0.30000000000000004", "0.3"),
            ("1e-7", "0.0000001"),
            ("-1", "-1"),
        ] {
            let money: Money = serde_json::from_str(value).unwrap();
            assert_eq!(money.written(), written, "{value}");
        }
        for (value, written) in [
            ("90", "90s"),
            ("90.0", "90s"),
            ("\"1h\"", "1h"),
            ("1.5", "1.5s"),
        ] {
            let span: Span = serde_json::from_str(value).unwrap();
            assert_eq!(span.written(), written, "{value}");
        }
    }

    #[test]
    fn a_plan_is_written_as_it_was_read() {
        let plan: PlanJson = serde_json::from_value(accounts()).unwrap();
        let again: PlanJson = serde_json::from_value(serde_json::to_value(&plan).unwrap()).unwrap();
        assert_eq!(plan, again);
    }

    #[test]
    fn unknown_words_are_refused_at_every_level() {
        for (path, word) in [
            ("", "colour"),
            ("/phases/0", "agent"),
            ("/phases/0/plans/0", "touches"),
            ("/phases/1/tasks/0", "prio"),
        ] {
            let mut plan = accounts();
            plan.pointer_mut(path).unwrap()[word] = json!("x");
            let refusal = serde_json::from_value::<PlanJson>(plan)
                .unwrap_err()
                .to_string();
            assert!(
                refusal.contains(&format!("unknown field `{word}`")),
                "{refusal}"
            );
        }
    }

    #[test]
    fn the_schema_describes_every_word() {
        let schema = json_schema();
        assert_eq!(schema["required"], json!(["title"]));
        assert_eq!(schema["additionalProperties"], json!(false));
        let task = &schema["$defs"]["TaskJson"]["properties"];
        for key in [
            "id", "title", "text", "after", "kind", "agent", "model", "priority", "touches",
            "verify", "review", "budget", "timeout", "attempts",
        ] {
            assert!(task[key]["description"].is_string(), "{key}: {}", task[key]);
        }
    }
}
