//! What the readers of one-way programs have in common: they print one JSON object per line, ask nobody, and their turn came
//! out well only if they said so and left with 0. What a line means is each reader's own business.

use cw_core::ports::agents::{AgentEvent, Exit, Verdict};

use super::{LastWords, TEXT_CAP, clip, ended_badly, ended_before_stop, settled_by_exit};

/// Tools that are remembered as refused.
const DENIED_CAP: usize = 100;

/// How the words of a program for what went wrong are told apart, in small letters.
pub(super) struct Phrases {
    /// The session to resume is not known.
    pub(super) unknown_session: &'static [&'static str],
    /// What may help somebody who was not let in.
    pub(super) login_hint: &'static str,
}

const LOGIN: &[&str] = &[
    "403 forbidden",
    "unauthorized",
    "api key not valid",
    "invalid api key",
    "incorrect api key",
    "missing api key",
    "api key is missing",
    "not logged in",
    "please set an auth method",
];

const LIMIT: &[&str] = &[
    "429",
    "too many requests",
    "rate limit",
    "rate_limit",
    "usage limit",
    "quota",
];

/// How far a turn has come.
#[derive(Default)]
pub(super) struct Course {
    pub(super) words: LastWords,
    session: Option<String>,
    summary: String,
    denied: Vec<String>,
    error: Option<String>,
    finished: bool,
}

impl Course {
    /// A line named the session; the first time, that is told.
    pub(super) fn session(&mut self, id: String) -> Option<AgentEvent> {
        if id.is_empty() || self.session.is_some() {
            return None;
        }
        self.session = Some(id.clone());
        Some(AgentEvent::SessionStarted { id })
    }

    /// The program said something whole.
    pub(super) fn said(&mut self, text: &str) -> AgentEvent {
        let text = clip(text, TEXT_CAP);
        self.summary.clone_from(&text);
        AgentEvent::Text { text }
    }

    /// The program said a part of something, which goes on where `begun` is false.
    pub(super) fn said_on(&mut self, text: &str, begun: bool) -> AgentEvent {
        if begun {
            self.summary.clear();
        }
        if self.summary.len() < TEXT_CAP {
            self.summary = clip(&format!("{}{text}", self.summary), TEXT_CAP);
        }
        AgentEvent::Text {
            text: clip(text, TEXT_CAP),
        }
    }

    pub(super) fn deny(&mut self, name: String) -> AgentEvent {
        if !self.denied.contains(&name) && self.denied.len() < DENIED_CAP {
            self.denied.push(name.clone());
        }
        AgentEvent::ToolDenied { name }
    }

    /// Something begins anew: what was said of an end before does not hold.
    pub(super) fn goes_on(&mut self) {
        self.finished = false;
        self.error = None;
    }

    /// The program said that the turn is over, and well.
    pub(super) fn finish(&mut self) -> AgentEvent {
        self.finished = true;
        self.error = None;
        AgentEvent::Result {
            ok: true,
            summary: self.summary.clone(),
        }
    }

    /// The program said that the turn is over, and why it failed.
    pub(super) fn fail(&mut self, why: &str) -> Vec<AgentEvent> {
        let why = match why.trim() {
            "" => "the program gave no reason".to_owned(),
            why => clip(why, TEXT_CAP),
        };
        self.finished = true;
        self.error = Some(why.clone());
        let limit = says(&why, LIMIT).then_some(AgentEvent::LimitReached { until: None });
        let result = AgentEvent::Result {
            ok: false,
            summary: why,
        };
        limit.into_iter().chain([result]).collect()
    }

    pub(super) fn finished(&self) -> bool {
        self.finished
    }

    /// How the turn came out: well only if the program said so and left with 0, or stayed on after it said so.
    pub(super) fn verdict(&self, exit: &Exit, resume: bool, phrases: &Phrases) -> Verdict {
        let lingered = self.finished && ended_before_stop(exit, self.finished);
        match settled_by_exit(exit) {
            Some(settled) if !lingered => return settled,
            _ => {}
        }
        if let Some(why) = &self.error {
            return failure(why, resume, phrases);
        }
        if self.finished && (lingered || exit.code == Some(0)) {
            return Verdict::Done {
                summary: self.summary.clone(),
                denied: self.denied.clone(),
            };
        }
        if resume && self.words.any(|line| says(line, phrases.unknown_session)) {
            return Verdict::SessionUnknown;
        }
        match ended_badly(exit, &self.words) {
            Verdict::Failed { hint, fatal, .. } if exit.code == Some(0) => Verdict::Failed {
                why: "it ended without a result".to_owned(),
                hint,
                fatal,
            },
            Verdict::Failed { why, .. } if self.words.any(refused) => Verdict::Auth {
                why,
                hint: phrases.login_hint.to_owned(),
            },
            verdict => verdict,
        }
    }
}

/// What a stated reason of a failure comes to.
fn failure(why: &str, resume: bool, phrases: &Phrases) -> Verdict {
    let why = why.to_owned();
    if resume && says(&why, phrases.unknown_session) {
        return Verdict::SessionUnknown;
    }
    if says(&why, LIMIT) {
        return Verdict::Limit { until: None, why };
    }
    if refused(&why) {
        return Verdict::Auth {
            why,
            hint: phrases.login_hint.to_owned(),
        };
    }
    Verdict::Failed {
        why,
        hint: None,
        fatal: false,
    }
}

/// Whether these words say that the program was not let in.
fn refused(text: &str) -> bool {
    says(text, LOGIN) || names_401(text)
}

/// Whether a text names the status 401, and not just some number: `HTTP/1.1 401`, `status code
/// 401`, `API Error: 401`.
fn names_401(text: &str) -> bool {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let status = |at: usize| {
        let fill = |word: &&&str| matches!(**word, "code" | "error" | "0" | "1" | "2");
        let before = &words[..at];
        let said = before.iter().rev().find(|word| !fill(word));
        said.is_some_and(|word| matches!(*word, "status" | "http" | "https"))
            || before.ends_with(&["api", "error"])
    };
    (1..words.len()).any(|at| words[at] == "401" && status(at))
}

fn says(text: &str, phrases: &[&str]) -> bool {
    let text = text.to_lowercase();
    phrases.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests {
    use cw_core::domain::time::Timestamp;
    use cw_core::ports::agents::{LineForm, LogLine};

    use super::*;

    use super::super::{LINGERED, OVER_BUDGET};

    const PHRASES: Phrases = Phrases {
        unknown_session: &["no such session"],
        login_hint: "log in",
    };

    fn exit(code: i32) -> Exit {
        Exit {
            code: Some(code),
            ..Exit::default()
        }
    }

    fn lingered() -> Exit {
        Exit {
            signal: Some(15),
            stopped: Some(LINGERED.into()),
            ..Exit::default()
        }
    }

    #[test]
    fn a_turn_whose_last_costs_went_over_the_budget_is_done_all_the_same() {
        let stopped = Exit {
            stopped: Some(OVER_BUDGET.into()),
            ..lingered()
        };
        let mut course = Course::default();
        course.said("made it");
        let early = course.verdict(&stopped, false, &PHRASES);
        assert!(matches!(early, Verdict::Stopped { .. }), "{early:?}");
        course.finish();
        let late = course.verdict(&stopped, false, &PHRASES);
        assert!(matches!(late, Verdict::Done { .. }), "{late:?}");
    }

    #[test]
    fn neither_the_exit_code_nor_the_programs_word_alone_is_success() {
        let mut course = Course::default();
        let verdict = course.verdict(&exit(0), false, &PHRASES);
        assert!(matches!(verdict, Verdict::Failed { why, .. } if why.contains("without a result")));
        course.said("made it");
        course.finish();
        assert!(matches!(
            course.verdict(&exit(1), false, &PHRASES),
            Verdict::Failed { .. }
        ));
        let verdict = course.verdict(&exit(0), false, &PHRASES);
        assert!(matches!(verdict, Verdict::Done { summary, .. } if summary == "made it"));
        assert!(matches!(
            course.verdict(&lingered(), false, &PHRASES),
            Verdict::Done { .. }
        ));
        course.goes_on();
        assert!(!matches!(
            course.verdict(&exit(0), false, &PHRASES),
            Verdict::Done { .. }
        ));
        assert!(matches!(
            course.verdict(&lingered(), false, &PHRASES),
            Verdict::Stopped { .. }
        ));
    }

    #[test]
    fn reasons_are_told_apart() {
        let of = |why: &str, resume| {
            let mut course = Course::default();
            course.fail(why);
            course.verdict(&exit(1), resume, &PHRASES)
        };
        assert!(matches!(
            of("unexpected status 429 Too Many Requests", false),
            Verdict::Limit { .. }
        ));
        assert!(
            matches!(of("401 Unauthorized", false), Verdict::Auth { hint, .. } if hint == "log in")
        );
        assert_eq!(of("No such session: x", true), Verdict::SessionUnknown);
        assert!(matches!(
            of("No such session: x", false),
            Verdict::Failed { .. }
        ));
        assert!(
            matches!(of("  ", false), Verdict::Failed { why, .. } if why == "the program gave no reason")
        );
    }

    #[test]
    fn a_401_is_a_status_and_not_just_any_number() {
        for text in [
            "401 Unauthorized",
            "HTTP/1.1 401",
            "unexpected status 401: no",
            "request failed with status code 401",
            "API Error: 401 {}",
            r#"{"error_status":401}"#,
        ] {
            assert!(refused(text), "{text}");
        }
        for text in [
            "it took 1401 ms",
            "it took 401 ms",
            "error: line 401",
            "src/http.rs:401:7",
            "status: done after 401 steps",
            "http://localhost:401/ is busy",
            "401",
        ] {
            assert!(!refused(text), "{text}");
        }
        let mut course = Course::default();
        course.words.hear(&LogLine {
            at: Timestamp(1),
            offset: 0,
            bytes: "took 1401 ms".into(),
            form: LineForm::Whole,
        });
        let verdict = course.verdict(&exit(1), false, &PHRASES);
        assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
    }

    #[test]
    fn a_summary_of_parts_is_bounded_and_begins_anew() {
        let mut course = Course::default();
        course.said_on("old", true);
        course.said_on("a", true);
        for _ in 0..TEXT_CAP {
            course.said_on("bcd", false);
        }
        assert!(course.summary.starts_with("abcdb") && course.summary.len() < TEXT_CAP + 8);
    }
}
