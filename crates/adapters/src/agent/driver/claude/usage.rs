//! Money and tokens of Claude Code. Its totals are cumulative, over resumes or per process,
//! depending on its version; only differences are believed.

use cw_core::ports::agents::{AgentEvent, Tokens};
use serde_json::Value;

use super::super::json::{count, micro};

/// Adds up what results say. A process that is killed before its result tells nothing, and nothing
/// is counted.
#[derive(Default)]
pub(super) struct Meter {
    /// The highest totals that this process has given: a result may come without any.
    before: (u64, Tokens),
}

impl Meter {
    /// What was used since the result before, if anything.
    pub(super) fn since_last(&mut self, result: &Value) -> Option<AgentEvent> {
        let since = result
            .get("model_usage_since_last_result")
            .filter(|v| v.is_object());
        let now = sum(&result["modelUsage"]);
        let (micro_usd, tokens) = match since {
            Some(models) => sum(models),
            None => (
                now.0.saturating_sub(self.before.0),
                difference(&now.1, &self.before.1),
            ),
        };
        self.before = (now.0.max(self.before.0), higher(&now.1, &self.before.1));
        (micro_usd > 0 || tokens.total() > 0).then_some(AgentEvent::Usage { micro_usd, tokens })
    }
}

fn difference(now: &Tokens, before: &Tokens) -> Tokens {
    Tokens {
        input: now.input.saturating_sub(before.input),
        output: now.output.saturating_sub(before.output),
        cache_read: now.cache_read.saturating_sub(before.cache_read),
        cache_write: now.cache_write.saturating_sub(before.cache_write),
    }
}

fn higher(one: &Tokens, other: &Tokens) -> Tokens {
    Tokens {
        input: one.input.max(other.input),
        output: one.output.max(other.output),
        cache_read: one.cache_read.max(other.cache_read),
        cache_write: one.cache_write.max(other.cache_write),
    }
}

fn sum(models: &Value) -> (u64, Tokens) {
    let mut total = (0_u64, Tokens::default());
    for model in models
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, model)| model)
    {
        let count = |key: &str| count(model, key);
        let tokens = &mut total.1;
        total.0 = total
            .0
            .saturating_add(micro(model["costUSD"].as_f64().unwrap_or(0.0)));
        tokens.input = tokens.input.saturating_add(count("inputTokens"));
        tokens.output = tokens.output.saturating_add(count("outputTokens"));
        tokens.cache_read = tokens
            .cache_read
            .saturating_add(count("cacheReadInputTokens"));
        tokens.cache_write = tokens
            .cache_write
            .saturating_add(count("cacheCreationInputTokens"));
    }
    total
}
