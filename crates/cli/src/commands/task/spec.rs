//! What `cw task add` and `cw task edit` can say about a task.

use crate::failure::Outcome;
use crate::input;
use cw_wire::task::TaskSpec;
use cw_wire::{Priority, Review};

/// The flags that both commands share.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct SpecArgs {
    /// What its agent is asked to do (`-`: standard input)
    #[arg(long, short = 'p', value_name = "TEXT")]
    prompt: Option<String>,
    /// What it waits for (repeatable; `none` waits for nothing)
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    after: Vec<String>,
    /// The agent it goes to
    #[arg(long, value_name = "KIND")]
    agent: Option<String>,
    /// The model its agent is to use
    #[arg(long)]
    model: Option<String>,
    /// high, normal or low
    #[arg(long)]
    priority: Option<Priority>,
    /// A glob it is expected to touch (repeatable)
    #[arg(long, value_name = "GLOB")]
    touches: Vec<String>,
    /// A gate of its own (repeatable)
    #[arg(long, value_name = "COMMAND")]
    verify: Vec<String>,
    /// none or human
    #[arg(long)]
    review: Option<Review>,
    /// Its budget, US dollars
    #[arg(long, value_name = "USD", value_parser = input::money)]
    budget: Option<f64>,
    /// How long one turn may take, as 30m
    #[arg(long, value_parser = input::seconds)]
    timeout: Option<u64>,
    /// How many attempts it has
    #[arg(long)]
    attempts: Option<u32>,
}

impl SpecArgs {
    /// As it travels.
    pub(crate) fn spec(self, title: Option<String>) -> Outcome<TaskSpec> {
        let some = |list: Vec<String>| if list.is_empty() { None } else { Some(list) };
        let none = self.after.len() == 1 && self.after[0] == "none";
        Ok(TaskSpec {
            title,
            prompt: self.prompt.as_deref().map(input::text).transpose()?,
            after: if none {
                Some(Vec::new())
            } else {
                some(self.after)
            },
            kind: None,
            agent: self.agent,
            model: self.model,
            priority: self.priority,
            touches: some(self.touches),
            verify: some(self.verify),
            review: self.review,
            budget_usd: self.budget,
            timeout_s: self.timeout.map(|s| s as f64),
            attempts: self.attempts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_none_waits_for_nothing_and_no_after_says_nothing() {
        let spec = |after: &[&str]| {
            let after = after.iter().map(ToString::to_string).collect();
            SpecArgs {
                after,
                ..SpecArgs::default()
            }
            .spec(None)
            .unwrap()
            .after
        };
        assert_eq!(spec(&[]), None);
        assert_eq!(spec(&["none"]), Some(vec![]));
        assert_eq!(spec(&["a", "b"]), Some(vec!["a".into(), "b".into()]));
    }
}
