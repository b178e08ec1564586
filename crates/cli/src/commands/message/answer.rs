//! `cw message answer`: answers a question.
//!
//! A text that is the number of an option means that option; `--text` takes it as it is.

use crate::commands::done;
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::render::human;
use crate::session::Session;
use cw_wire::ErrorCode;
use cw_wire::message::{AnswerInput, MessageAnswer, MessageShow};

/// Arguments of `cw message answer`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Where options are on offer, a number means the option of that number; with\n\
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
            env: session.wanted_env()?,
        };
        let mut read = None;
        match (self.option, self.verbatim) {
            (Some(number), _) => input.option = Some(number),
            (None, Some(text)) => input.text = Some(input::text_or_stdin(Some(&text), "answer")?),
            (None, None) => {
                let text = input::text_or_stdin(self.answer.as_deref(), "answer")?;
                read = Some(text.clone());
                choose(session, &mut input, text)?;
            }
        }
        let answer = session.call::<MessageAnswer>(&input);
        let answer = answer.map_err(|failure| match read {
            Some(text) if input.option.is_some() => with_way_out(failure, text.trim()),
            _ => failure,
        })?;
        done(session.show(&answer, |answer, page| {
            human::message::answered(&answer.messages, page);
        }))
    }
}

/// Says how a number is sent that is no option's, where that is why it was refused.
fn with_way_out(failure: Failure, number: &str) -> Failure {
    match failure {
        Failure::Error(mut error) if error.code == ErrorCode::Usage => {
            let way = format!("`--text {number}` sends it as it is");
            let hint = error.hint.take();
            error.hint = Some(hint.map_or_else(|| way.clone(), |hint| format!("{hint}; {way}")));
            error.into()
        }
        other => other,
    }
}

/// Looks whether a number is the number of an option; only a number costs a look.
fn choose(session: &Session<'_>, input: &mut AnswerInput, text: String) -> Outcome<()> {
    let digits = text.trim();
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large for this is no option's either.
        let number = digits.parse().unwrap_or(u32::MAX);
        let shown = session.call::<MessageShow>(&session.target(&input.id)?)?;
        input.option = option_number(number, &shown.message.options);
    }
    if input.option.is_none() {
        input.text = Some(text);
    }
    Ok(())
}

/// The option that a number means, be there such a one or not; none when an option reads just
/// like it, or there are no options.
fn option_number(number: u32, options: &[String]) -> Option<u32> {
    let literal = options
        .iter()
        .any(|option| option.trim() == number.to_string());
    (!options.is_empty() && !literal).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_means_an_option_unless_an_option_reads_like_it() {
        let colours = ["red".to_owned(), "blue".to_owned()];
        assert_eq!(option_number(2, &colours), Some(2));
        // The server refuses what is out of range, as it does for --option.
        assert_eq!(option_number(0, &colours), Some(0));
        assert_eq!(option_number(3, &colours), Some(3));
        let ports = ["2".to_owned(), "1".to_owned()];
        assert_eq!(option_number(2, &ports), None);
        assert_eq!(option_number(1, &[]), None);
    }

    #[test]
    fn a_number_that_is_no_option_is_refused_with_the_way_to_send_it() {
        let refused = || cw_wire::ErrorView::new(ErrorCode::Usage, "message 1 has no option 9");
        let hint = |failure| match with_way_out(failure, "9") {
            Failure::Error(error) => error.hint.unwrap(),
            Failure::Closed => String::new(),
        };
        assert_eq!(hint(refused().into()), "`--text 9` sends it as it is");
        let hint = hint(refused().hint("it has 3").into());
        assert_eq!(hint, "it has 3; `--text 9` sends it as it is");
    }
}
