//! Colours of a terminal, used sparingly: a colour says how something stands.

/// A colour by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Done, added.
    Good,
    /// At work.
    Active,
    /// The user is needed.
    Attention,
    /// Went wrong, removed.
    Bad,
    /// Of little interest.
    Faint,
    /// A heading or name.
    Strong,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Active => "36",
            Self::Attention => "33",
            Self::Bad => "31",
            Self::Faint => "2",
            Self::Strong => "1",
        }
    }
}

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Colour is wanted and understood.
    pub(crate) colour: bool,
}

impl Style {
    /// Paints a text that is already harmless.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", tone.code())
    }

    /// Writes a text that is already harmless, painted if it has a tone.
    pub(crate) fn paint_into(self, tone: Option<Tone>, text: &str, out: &mut String) {
        match tone {
            Some(tone) if self.colour => out.push_str(&self.paint(tone, text)),
            _ => out.push_str(text),
        }
    }
}

/// The tone of a status word, whatever it is the status of.
pub(crate) fn of_status(word: &str) -> Option<Tone> {
    Some(match word {
        "merged" | "finished" | "landed" | "ok" | "answered" | "passed" | "fixed" => Tone::Good,
        "running" | "starting" | "merging" | "active" | "trying" | "gating" | "advancing"
        | "in-use" => Tone::Active,
        "waiting" | "review" | "parked" | "open" | "paused" | "held" | "bounced" | "stopping"
        | "warning" => Tone::Attention,
        "failed" | "crashed" | "problem" => Tone::Bad,
        "blocked" | "cancelled" | "skipped" | "stopped" | "draft" | "read" | "idle" | "removed"
        | "queued" => Tone::Faint,
        _ => return None,
    })
}
