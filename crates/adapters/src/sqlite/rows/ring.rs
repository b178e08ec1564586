//! Effects in their columns.

use cw_core::domain::effect::{Effect, EffectKind};

use crate::sqlite::cell::{Binder, Fields, Stored, text, unknown};
use crate::sqlite::error::Fault;
use crate::sqlite::table::table;

table!(Effect in "effects" {
    kind => [kind, subject],
    tries => [tries],
    not_before => [not_before],
});

impl Stored for EffectKind {
    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault> {
        to.bind(text(self.word()))?;
        self.subject().write(to)
    }

    fn read(from: &mut Fields<'_>) -> Result<Self, Fault> {
        let word: String = from.one()?;
        let misread = from.corrupt(unknown(&word));
        let subject = from.one()?;
        Self::from_word(&word, subject).ok_or(misread)
    }
}
