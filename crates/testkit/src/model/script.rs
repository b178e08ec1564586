//! How a scripted model decides what to answer. A script sees the whole conversation and nothing else.

use super::{Answer, Request};

/// Answers requests; closures are scripts.
pub trait Script: Send + Sync + 'static {
    /// The answer to one request.
    fn answer(&self, request: &Request) -> Answer;
}

impl<F> Script for F
where
    F: Fn(&Request) -> Answer + Send + Sync + 'static,
{
    fn answer(&self, request: &Request) -> Answer {
        self(request)
    }
}

/// A script as a table: the first row whose words stand in the newest prompt (or whose name is the scenario's) gives the
/// answers of that turn, one per step. Past the last step, and for what no row knows, the model says that it is done.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<(String, Vec<Answer>)>,
}

impl Table {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row: for a prompt with these words, these answers in turn.
    #[must_use]
    pub fn on(mut self, words: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.rows
            .push((words.to_owned(), answers.into_iter().collect()));
        self
    }
}

impl Script for Table {
    fn answer(&self, request: &Request) -> Answer {
        let prompt = request.prompt();
        let row = self
            .rows
            .iter()
            .find(|(words, _)| prompt.contains(words.as_str()) || *words == request.scenario);
        let answer = row.and_then(|(_, answers)| answers.get(request.step()));
        answer.cloned().unwrap_or_else(|| Answer::text("Done."))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(messages: &Value) -> Request {
        Request {
            scenario: "any".to_owned(),
            body: json!({ "messages": messages }),
        }
    }

    #[test]
    fn a_table_answers_step_by_step_and_then_is_done() {
        let table = Table::new().on("write", [Answer::text("first"), Answer::text("second")]);
        let user = json!({"role": "user", "content": "write it"});
        let assistant = json!({"role": "assistant", "content": "…"});
        assert_eq!(table.answer(&asked(&json!([user]))), Answer::text("first"));
        assert_eq!(
            table.answer(&asked(&json!([user, assistant]))),
            Answer::text("second")
        );
        assert_eq!(
            table.answer(&asked(&json!([user, assistant, assistant]))),
            Answer::text("Done.")
        );
    }

    #[test]
    fn the_first_row_that_knows_the_prompt_wins() {
        let table = Table::new()
            .on("conflict", [Answer::text("merge")])
            .on("write", [Answer::text("write")]);
        let request =
            asked(&json!([{"role": "user", "content": "a conflict in what you were to write"}]));
        assert_eq!(table.answer(&request), Answer::text("merge"));
    }
}
