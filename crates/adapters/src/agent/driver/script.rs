//! The kind `script`: any program that reads its prompt on standard input. Exit 0 is done, 75 is
//! "I asked and stopped", anything else failed; what it prints is its log.

use cw_core::ports::agents::{
    AgentEvent, Exit, LineForm, LogLine, Permissions, Stream, TurnOrder, Verdict,
};

use super::{
    Driver, LINE_TEXT_CAP, LastWords, Launch, Reader, Reading, Site, TEXT_CAP, clip, clip_line,
    ended_badly, program, settled_by_exit,
};

/// Exit code of a script that asked a question and wants to be resumed with the answer.
const ASKED: i32 = 75;

pub(super) struct Script;

impl Driver for Script {
    fn launch(&self, order: &TurnOrder, _site: &Site<'_>) -> Launch {
        let (program, args) = program(order, "sh");
        Launch {
            program,
            args,
            env: Vec::new(),
            unset: &[],
            stdin: order.prompt.clone().into_bytes(),
            keep_stdin_open: false,
            memo: Vec::new(),
        }
    }

    fn reader(&self, _resume: bool, _permissions: Permissions, _memo: &[u8]) -> Box<dyn Reader> {
        Box::new(Log::default())
    }
}

#[derive(Default)]
struct Log {
    words: LastWords,
    summary: String,
}

impl Reader for Log {
    fn line(&mut self, stream: Stream, line: &LogLine) -> Reading {
        let text = String::from_utf8_lossy(&line.bytes);
        if line.form == LineForm::Note {
            return Reading {
                events: vec![AgentEvent::Notice {
                    text: clip(&text, TEXT_CAP),
                }],
                reaction: None,
            };
        }
        match stream {
            Stream::Err => self.words.hear(line),
            Stream::Out if !text.trim().is_empty() => {
                self.summary = clip_line(&text, LINE_TEXT_CAP);
            }
            Stream::Out => {}
        }
        Reading {
            events: vec![AgentEvent::Log {
                stream,
                text: clip(&text, TEXT_CAP),
            }],
            reaction: None,
        }
    }

    fn verdict(&self, exit: &Exit) -> Verdict {
        if let Some(verdict) = settled_by_exit(exit) {
            return verdict;
        }
        match exit.code {
            Some(0) => Verdict::Done {
                summary: self.summary.clone(),
                denied: Vec::new(),
            },
            Some(ASKED) => Verdict::Asked,
            _ => ended_badly(exit, &self.words),
        }
    }
}

#[cfg(test)]
mod tests {
    use cw_core::domain::time::Timestamp;

    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine {
            at: Timestamp(1),
            offset: 0,
            bytes: text.into(),
            form: LineForm::Whole,
        }
    }

    fn verdict(exit: &Exit) -> Verdict {
        let mut reader = Script.reader(false, Permissions::Ask, &[]);
        reader.line(Stream::Out, &line("made it"));
        reader.line(Stream::Err, &line("no such table"));
        reader.verdict(exit)
    }

    fn code(code: i32) -> Exit {
        Exit {
            code: Some(code),
            ..Exit::default()
        }
    }

    #[test]
    fn the_exit_code_decides() {
        assert!(matches!(verdict(&code(0)), Verdict::Done { summary, .. } if summary == "made it"));
        assert_eq!(verdict(&code(75)), Verdict::Asked);
        let Verdict::Failed { why, fatal, .. } = verdict(&code(3)) else {
            panic!()
        };
        assert_eq!((why.as_str(), fatal), ("exit code 3: no such table", false));
        let killed = Exit {
            signal: Some(9),
            ..Exit::default()
        };
        assert!(
            matches!(verdict(&killed), Verdict::Failed { why, .. } if why.contains("signal 9"))
        );
    }

    #[test]
    fn a_stop_beats_the_exit_code_and_a_missing_program_is_fatal() {
        let stopped = Exit {
            stopped: Some("user".into()),
            ..code(0)
        };
        assert_eq!(verdict(&stopped), Verdict::Stopped { why: "user".into() });
        let missing = Exit {
            spawn_error: Some("x: not found".into()),
            ..Exit::default()
        };
        assert!(matches!(
            verdict(&missing),
            Verdict::Failed {
                fatal: true,
                hint: Some(_),
                ..
            }
        ));
    }
}
