//! `cw message answer`: answers a question.
//!
//! A text that is the number of an option means that option; `--text` takes it as it is.

use crate::commands::done;
use crate::failure::Outcome;
use crate::input;
use crate::render::human;
use crate::session::Session;
use cw_wire::message::{AnswerInput, MessageAnswer, MessageShow};

/// Arguments of `cw message answer`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Where options are on offer, a text that is the number of one means that option; with\n\
--text it is taken as it is.\n\nExamples:\n  cw message answer 12 \"Use argon2\"\n  cw message answer 12 2\n  \
cw message answer 12 --option 2\n  cw message answer 12 - < answer.md"
)]
pub(crate) struct AnswerArgs {
    /// The question
    id: String,
    /// The answer (`-` or none: standard input)
    #[arg(conflicts_with_all = ["option", "verbatim"])]
    answer: Option<String>,
    /// The number of an option, from 1
    #[arg(long, short = 'o', conflicts_with = "verbatim")]
    option: Option<u32>,
    /// The answer, even where it looks like the number of an option
    #[arg(long = "text", value_name = "TEXT")]
    verbatim: Option<String>,
}

impl AnswerArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let mut input = AnswerInput {
            dir: session.dir()?,
            id: self.id,
            text: None,
            option: None,
        };
        match (self.option, self.verbatim) {
            (Some(number), _) => input.option = Some(number),
            (None, Some(text)) => input.text = Some(input::text_or_stdin(Some(&text), "answer")?),
            (None, None) => {
                let text = input::text_or_stdin(self.answer.as_deref(), "answer")?;
                choose(session, &mut input, text)?;
            }
        }
        let answer = session.call::<MessageAnswer>(&input)?;
        done(session.show(&answer, |answer, page| {
            human::message::list(&answer.messages, page);
        }))
    }
}

/// Looks whether a number is the number of an option; only a number costs a look.
fn choose(session: &Session<'_>, input: &mut AnswerInput, text: String) -> Outcome<()> {
    if let Ok(number) = text.trim().parse::<u32>() {
        let shown = session.call::<MessageShow>(&session.target(&input.id)?)?;
        input.option = option_number(number, &shown.message.options);
    }
    if input.option.is_none() {
        input.text = Some(text);
    }
    Ok(())
}

/// The option that a number means: none when an option reads just like it.
fn option_number(number: u32, options: &[String]) -> Option<u32> {
    let literal = options
        .iter()
        .any(|option| option.trim() == number.to_string());
    let exists = number >= 1 && (number as usize) <= options.len();
    (exists && !literal).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_means_an_option_unless_an_option_reads_like_it() {
        let colours = ["red".to_owned(), "blue".to_owned()];
        assert_eq!(option_number(2, &colours), Some(2));
        assert_eq!(option_number(0, &colours), None);
        assert_eq!(option_number(3, &colours), None);
        let ports = ["2".to_owned(), "1".to_owned()];
        assert_eq!(option_number(2, &ports), None);
        assert_eq!(option_number(1, &[]), None);
    }
}
