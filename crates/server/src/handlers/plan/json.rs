//! Plans as JSON: what has another shape than it should is told all at once, with its place in
//! the document, and what is left is read by the rules of a plan file. It refuses to know those.

use cw_core::domain::plan::{Level, PLAN_BYTES, PlanDocument, PlanError, build, nearest};
use cw_wire::PlanJson;
use serde_json::{Map, Value, json};

use crate::views;

/// How many errors of shape are told one by one.
const TOLD: usize = 100;

/// What helps when nothing nearer does.
const SCHEMA: &str = "`cw plan schema` prints what a plan looks like";

/// Reads a plan and checks it; `name` is what errors call it.
///
/// # Errors
/// All that is wrong with it.
pub(crate) fn read(text: &str, name: &str) -> Result<PlanDocument, Vec<PlanError>> {
    let mut faults = Faults::new(name);
    if text.len() > PLAN_BYTES {
        let cause = format!("it has {} bytes, more than {PLAN_BYTES}", text.len());
        faults.add(
            "the plan is too large",
            &cause,
            "divide it into several initiatives",
        );
        return Err(faults.told);
    }
    let text = text.trim_start_matches('\u{feff}');
    let mut plan: Value = match serde_json::from_str(text) {
        Ok(plan) => plan,
        Err(error) => return Err(faults.syntax(&error)),
    };
    let Value::Object(object) = &mut plan else {
        let cause = format!("a plan is an object, this is {}", kind_of(&plan));
        faults.add("the plan has another shape", &cause, SCHEMA);
        return Err(faults.told);
    };
    clean(object, Level::Initiative, "", &mut faults);
    if faults.untold > 0 {
        return Err(faults.bounded());
    }
    // Read once more from the text when it is in order: only so is a key given twice seen.
    let read: Result<PlanJson, _> = if faults.told.is_empty() {
        serde_json::from_str(text)
    } else {
        serde_json::from_value(plan)
    };
    let plan = match read {
        Ok(plan) => plan,
        Err(error) => return Err(faults.syntax(&error)),
    };
    let sections = plan.headings().into_iter().map(views::plan::section);
    match build(sections.collect(), name) {
        Ok(document) if faults.told.is_empty() => Ok(document),
        Ok(_) => Err(faults.bounded()),
        Err(more) => {
            faults.told.extend(more);
            Err(faults.bounded())
        }
    }
}

/// What a key may hold.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Texts,
    /// A list of ids, or one text.
    Ids,
    Whole,
    /// A number, or a text that says one with its unit.
    Amount,
    Word(&'static [&'static str]),
    Below(Level),
}

impl Shape {
    fn of(key: &str) -> Self {
        match key {
            "agents" | "attempts" => Self::Whole,
            "budget" | "timeout" => Self::Amount,
            "after" => Self::Ids,
            "touches" | "verify" => Self::Texts,
            "kind" => Self::Word(&["work", "approval"]),
            "priority" => Self::Word(&["high", "normal", "low"]),
            "review" => Self::Word(&["none", "human"]),
            "phases" => Self::Below(Level::Phase),
            "plans" => Self::Below(Level::Plan),
            "tasks" => Self::Below(Level::Task),
            _ => Self::Text,
        }
    }

    fn fits(self, value: &Value) -> bool {
        let texts = |list: &Vec<Value>| list.iter().all(Value::is_string);
        match self {
            Self::Text => value.is_string(),
            Self::Texts => value.as_array().is_some_and(texts),
            Self::Ids => value.is_string() || value.as_array().is_some_and(texts),
            Self::Whole => value.as_u64().is_some_and(|n| u32::try_from(n).is_ok()),
            Self::Amount => value.is_string() || value.is_number(),
            Self::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Self::Below(_) => value.is_array(),
        }
    }

    fn wanted(self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Texts => "a list of texts".into(),
            Self::Ids => "a list of ids, or `none`,".into(),
            Self::Whole => "a whole number".into(),
            Self::Amount => "a number or a text".into(),
            Self::Word(words) => format!("one of `{}`", words.join("`, `")),
            Self::Below(level) => format!("a list of {}s", level.word()),
        }
    }
}

/// The keys of an object that stands for a heading of this level.
fn keys(level: Level) -> impl Iterator<Item = &'static str> + Clone {
    let below: &[&str] = match level {
        Level::Initiative => &["phases", "plans", "tasks"],
        Level::Phase => &["plans", "tasks"],
        Level::Plan => &["tasks"],
        Level::Task => &[],
    };
    let common = ["title", "text"].into_iter();
    common
        .chain(level.keys().iter().copied())
        .chain(below.iter().copied())
}

/// Takes out of an object what does not belong there, and tells of it. It keeps a title, so that
/// what stands in it is read too.
fn clean(object: &mut Map<String, Value>, level: Level, place: &str, faults: &mut Faults) {
    let names: Vec<String> = object.keys().cloned().collect();
    for name in names {
        let at = joined(place, &name);
        if !keys(level).any(|key| key == name) {
            faults.unknown(&at, &name, level);
            object.remove(&name);
            continue;
        }
        let shape = Shape::of(&name);
        match object.get_mut(&name) {
            Some(value) if value.is_null() => drop(object.remove(&name)),
            Some(value) if !shape.fits(value) => {
                faults.shape(&at, shape, value);
                // What stands in for it must cause no further errors.
                match name.as_str() {
                    "after" => *value = json!("none"),
                    "title" => *value = untitled(place),
                    _ => drop(object.remove(&name)),
                }
            }
            Some(Value::Array(list)) => {
                if let Shape::Below(level) = shape {
                    clean_list(list, level, &at, faults);
                }
            }
            _ => {}
        }
    }
    if !object.contains_key("title") {
        let what = located(place, &format!("the {} has no title", level.word()));
        faults.add(&what, "every one has a title", "give it a `title`");
        object.insert("title".into(), untitled(place));
    }
}

/// A title that no other has, so that it causes no further errors.
fn untitled(place: &str) -> Value {
    json!(format!("untitled {place}"))
}

fn clean_list(list: &mut [Value], level: Level, at: &str, faults: &mut Faults) {
    for (n, value) in list.iter_mut().enumerate() {
        let place = format!("{at}[{n}]");
        if let Value::Object(object) = value {
            clean(object, level, &place, faults);
        } else if !faults.is_full() {
            let cause = format!(
                "a {} is an object, this is {}",
                level.word(),
                kind_of(value)
            );
            faults.add(&located(&place, "it has another shape"), &cause, SCHEMA);
            *value = json!({ "title": untitled(&place) });
        }
    }
}

fn joined(place: &str, key: &str) -> String {
    let key: String = key.chars().take(60).collect();
    if place.is_empty() {
        key
    } else {
        format!("{place}.{key}")
    }
}

fn located(place: &str, what: &str) -> String {
    if place.is_empty() {
        what.to_owned()
    } else {
        format!("{place}: {what}")
    }
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(yes) => format!("`{yes}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => {
            let short: String = text.chars().take(60).collect();
            format!("the text `{short}`")
        }
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// What is wrong with the shape of a plan.
struct Faults {
    file: String,
    told: Vec<PlanError>,
    /// How many more there are than are told.
    untold: usize,
}

impl Faults {
    fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            told: Vec::new(),
            untold: 0,
        }
    }

    fn add(&mut self, what: &str, cause: &str, hint: &str) {
        if !self.is_full() {
            self.tell(what, cause, hint);
        }
    }

    /// Enough is told. (A few bytes can be wrong in a million places.) Counts one that is not.
    fn is_full(&mut self) -> bool {
        let full = self.told.len() >= TOLD;
        self.untold += usize::from(full);
        full
    }

    fn tell(&mut self, what: &str, cause: &str, hint: &str) {
        self.told.push(PlanError {
            file: self.file.clone(),
            line: 0,
            what: what.to_owned(),
            cause: Some(cause.to_owned()),
            hint: Some(hint.to_owned()),
        });
    }

    fn unknown(&mut self, at: &str, name: &str, level: Level) {
        if self.is_full() {
            return;
        }
        let name: String = name.chars().take(60).collect();
        let known: Vec<&str> = keys(level).collect();
        let what = format!("{at}: unknown key `{name}`");
        let cause = format!("the keys of the {} are {}", level.word(), known.join(", "));
        match nearest(&name, keys(level)) {
            Some(near) => self.add(&what, &cause, &format!("the nearest is `{near}`")),
            None => self.add(&what, &cause, SCHEMA),
        }
    }

    fn shape(&mut self, at: &str, shape: Shape, value: &Value) {
        if self.is_full() {
            return;
        }
        let cause = format!("{} is wanted, not {}", shape.wanted(), kind_of(value));
        let hint = match (shape, value.as_str()) {
            (Shape::Word(words), Some(word)) => nearest(word, words.iter().copied()),
            _ => None,
        };
        let hint = hint.map_or_else(
            || SCHEMA.to_owned(),
            |near| format!("the nearest is `{near}`"),
        );
        self.add(&format!("{at}: it cannot be taken"), &cause, &hint);
    }

    /// All of it with what the JSON reader says.
    fn syntax(mut self, error: &serde_json::Error) -> Vec<PlanError> {
        self.tell(
            "the plan is not JSON of the right shape",
            &error.to_string(),
            SCHEMA,
        );
        if let Some(last) = self.told.last_mut() {
            last.line = u32::try_from(error.line()).unwrap_or(0);
        }
        self.told
    }

    fn bounded(mut self) -> Vec<PlanError> {
        let untold = self.untold + self.told.len().saturating_sub(TOLD);
        self.told.truncate(TOLD);
        if untold > 0 {
            self.tell(
                &format!("{untold} more errors"),
                "there are too many to tell",
                "mend the ones above first",
            );
        }
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let errors = read(text, "-").unwrap_err();
        let words = errors.iter().map(|error| {
            let more = [&error.cause, &error.hint].map(|more| more.as_deref().unwrap_or_default());
            format!("{error} | {} | {}", more[0], more[1])
        });
        words.collect()
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_with_its_place() {
        let told = told(
            r#"{"title": "J", "agnets": 2, "budget": true, "tasks": [
                {"title": "A", "afterr": "b"},
                7,
                {"title": "C", "priority": "hgih", "timeout": "soon", "touches": "x"},
                {"text": "d"},
                {"title": "E", "after": ["nobody"], "attempts": 0}
            ]}"#,
        );
        for (at, word) in [
            "-: agnets: unknown key `agnets` | ",
            "-: budget: it cannot be taken | a number or a text is wanted, not `true`",
            "-: tasks[0].afterr: unknown key `afterr` | ",
            "-: tasks[1]: it has another shape | a task is an object, this is the number 7",
            "-: tasks[2].priority: it cannot be taken | one of `high`, `normal`, `low` is wanted",
            "-: tasks[2].touches: it cannot be taken | a list of texts is wanted",
            "-: tasks[3]: the task has no title | ",
            "-: tasks[2].timeout: `timeout` cannot be `soon` | ",
            "-: tasks[4].attempts: `attempts` cannot be `0` | ",
            "-: `after` names `nobody`",
        ]
        .iter()
        .enumerate()
        {
            assert!(told[at].starts_with(word), "{word}: {told:#?}");
        }
        assert_eq!(told.len(), 10, "{told:#?}");
        assert!(told[0].ends_with("the nearest is `agents`"));
        assert!(told[2].ends_with("the nearest is `after`"));
        assert!(told[4].ends_with("the nearest is `high`"));
        assert!(!told.concat().contains("`- "), "{told:#?}");
    }

    #[test]
    fn what_is_no_object_is_told_to_be_none() {
        for text in ["[1]", "3", "\"x\"", "null"] {
            let told = told(text);
            assert!(told[0].contains("a plan is an object"), "{told:?}");
        }
        assert!(told("{").concat().contains("-:1: "));
        assert!(told("{}")[0].starts_with("-: the initiative has no title"));
        assert!(told(r#"{"title": "a", "title": "b"}"#)[0].contains("duplicate field `title`"));
    }

    #[test]
    fn what_is_wrong_in_a_million_places_is_told_in_a_hundred() {
        let numbers = vec!["1"; 1_000_000].join(",");
        let told = told(&format!(r#"{{"title": "J", "tasks": [{numbers}]}}"#));
        assert_eq!(told.len(), TOLD + 1);
        assert!(told[TOLD].contains("999900 more errors"), "{}", told[TOLD]);
    }

    #[test]
    fn numbers_may_be_numbers() {
        let text = r#"{"title": "J", "budget": 0.00001, "tasks": [
            {"title": "A", "timeout": 90, "budget": 0.30000000000000004, "id": null, "after": []}]}"#;
        let plan = read(text, "-").unwrap();
        let task = &plan.phases[0].plans[0].tasks[0];
        assert_eq!(task.timeout.map(|timeout| timeout.0), Some(90));
        assert_eq!(task.budget.map(|budget| budget.0), Some(300_000));
        assert_eq!(plan.initiative.budget.map(|budget| budget.0), Some(10));
    }

    #[test]
    fn a_hundred_errors_are_told_and_the_rest_counted() {
        let tasks = vec!["1"; 500].join(",");
        let told = told(&format!("{{\"title\": \"J\", \"tasks\": [{tasks}]}}"));
        assert_eq!(told.len(), 101);
        assert!(told[100].starts_with("-: 400 more errors"));
    }
}
