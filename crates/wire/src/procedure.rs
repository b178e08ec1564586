//! What a remote procedure is: a name, a kind, what goes in and what comes out.
//!
//! One zero-sized type per procedure stands beside the shapes of its noun. From this one list
//! come the typed client, the server's router and the schemas.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whether a procedure only reads or may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads; may be asked again at will.
    Query,
    /// May change something; is sent once.
    Command,
}

/// A call over `POST /rpc/<NAME>`.
pub trait Procedure {
    /// Its name on the wire, `noun.verb`.
    const NAME: &'static str;
    /// Whether it only reads.
    const KIND: Kind;
    /// What the caller sends.
    type Input: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// What comes back.
    type Output: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
}

/// A procedure told as data, for documents made from the list of all.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether it only reads.
    pub kind: Kind,
    /// The schema of what the caller sends.
    pub input: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of what comes back.
    pub output: fn(&mut SchemaGenerator) -> Schema,
}

/// Describes one procedure.
#[must_use]
pub fn described<P: Procedure>() -> Described {
    Described {
        name: P::NAME,
        kind: P::KIND,
        input: SchemaGenerator::subschema_for::<P::Input>,
        output: SchemaGenerator::subschema_for::<P::Output>,
    }
}

/// Describes every procedure, noun by noun.
#[must_use]
pub fn all() -> Vec<Described> {
    [
        crate::project::described(),
        crate::plan_call::described(),
        crate::run::described(),
        crate::initiative::described(),
        crate::task::described(),
        crate::agent::described(),
        crate::message::described(),
        crate::merge::described(),
        crate::cost::described(),
        crate::worktree::described(),
        crate::why::described(),
        crate::server::described(),
        crate::files::described(),
        crate::doctor::described(),
        crate::me::described(),
    ]
    .concat()
}

/// Declares the procedures of a noun and the list that describes them.
macro_rules! procedures {
    ($($(#[$doc:meta])* $kind:ident $name:ident = $wire:literal: $input:ty => $output:ty;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl $crate::procedure::Procedure for $name {
                const NAME: &'static str = $wire;
                const KIND: $crate::procedure::Kind = $crate::procedure::Kind::$kind;
                type Input = $input;
                type Output = $output;
            }
        )+

        /// Describes the procedures of this noun.
        #[must_use]
        pub fn described() -> Vec<$crate::procedure::Described> {
            vec![$($crate::procedure::described::<$name>()),+]
        }
    };
}

/// Declares an enum of plain words: serialised in kebab-case, with `as_str` and `Display`.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every word, in the order of its definition.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word as it travels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|word| word.as_str()).collect();
                    format!("one of {}", words.join(", "))
                })
            }
        }
    };
}

pub(crate) use procedures;
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_procedure_has_a_name_of_its_own_in_noun_verb_form() {
        let mut names: Vec<_> = all().iter().map(|one| one.name).collect();
        for name in &names {
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_lowercase() || c == '.' || c == '-'),
                "{name}"
            );
        }
        let total = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), total);
    }

    #[test]
    fn every_shape_has_a_schema() {
        let mut generator = SchemaGenerator::default();
        for one in all() {
            (one.input)(&mut generator);
            (one.output)(&mut generator);
        }
        assert!(generator.definitions().contains_key("TaskView"));
    }
}
