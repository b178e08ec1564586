//! A TOML document that knows where each of its values stands.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use cw_core::domain::duration::Seconds;
use cw_core::domain::money::Usd;
use cw_core::ports::settings::SettingsError;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{NOT_ACTED_ON, SECTIONS};
use super::nearest::nearest;

/// The longest single value, in bytes.
const VALUE: usize = 16 * 1024;
/// The longest list.
const LIST: usize = 1_000;

/// The text as a whole.
#[derive(Clone, Copy)]
pub(super) struct Text<'t>(pub(super) &'t str);

impl<'t> Text<'t> {
    /// The document's top table.
    pub(super) fn table(self) -> Result<Spanned<DeTable<'t>>, SettingsError> {
        DeTable::parse(self.0).map_err(|error| SettingsError {
            what: format!(
                "{} is not TOML",
                self.place(error.span().unwrap_or_default())
            ),
            cause: Some(error.message().to_owned()),
            hint: Some(
                "mend this line: it is `key = value` with texts in quotes, or a `[table]`".into(),
            ),
        })
    }

    /// Where something stands, counted from 1 as editors do.
    fn place(self, span: Range<usize>) -> String {
        let before = self.0.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        format!("cw.toml, line {line}, column {column},")
    }
}

/// One table.
pub(super) struct Section<'t> {
    text: Text<'t>,
    path: String,
    table: &'t DeTable<'t>,
}

impl<'t> Section<'t> {
    pub(super) fn root(text: Text<'t>, table: &'t DeTable<'t>) -> Self {
        Self {
            text,
            path: String::new(),
            table,
        }
    }

    fn path(&self, key: &str) -> String {
        if self.path.is_empty() {
            shown(key)
        } else {
            format!("{}.{}", self.path, shown(key))
        }
    }

    /// Refuses the first key that is not `known`, and warns of those that are not acted on.
    pub(super) fn check(
        &self,
        known: &[&str],
        warnings: &mut Vec<String>,
    ) -> Result<(), SettingsError> {
        let mut keys: Vec<_> = self.table.keys().collect();
        keys.sort_by_key(|key| key.span().start);
        for key in keys {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                return Err(self.unknown(name, known));
            }
            if NOT_ACTED_ON.contains(&&*self.path(name)) {
                warnings.extend(self.get(name).map(|item| item.not_yet()));
            }
        }
        Ok(())
    }

    /// That there is no such key here, with the one that may have been meant.
    pub(super) fn unknown(&self, name: &str, known: &[&str]) -> SettingsError {
        let elsewhere = || {
            let (section, _) = SECTIONS.iter().find(|(_, keys)| keys.contains(&name))?;
            Some(format!("`{}` belongs under {section}", shown(name)))
        };
        let hint = nearest(name, known.iter().copied())
            .map(|near| format!("did you mean `{near}`?"))
            .or_else(elsewhere)
            .unwrap_or_else(|| format!("known here: {}", known.join(", ")));
        let key = self.table.get_key_value(name).map(|(key, _)| key.span());
        SettingsError {
            what: format!(
                "{} unknown key `{}`",
                self.text.place(key.unwrap_or_default()),
                self.path(name)
            ),
            cause: None,
            hint: Some(hint),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Item<'t>> {
        self.table.get(key).map(|value| Item {
            text: self.text,
            path: self.path(key),
            value,
        })
    }

    pub(super) fn items(&self) -> impl Iterator<Item = (&'t str, Item<'t>)> {
        self.table.keys().filter_map(|key| {
            let name: &str = key.get_ref();
            Some((name, self.get(name)?))
        })
    }

    /// The table under `key`, its keys checked.
    pub(super) fn section(
        &self,
        key: &str,
        known: &[&str],
        warnings: &mut Vec<String>,
    ) -> Result<Option<Self>, SettingsError> {
        let Some(item) = self.get(key) else {
            return Ok(None);
        };
        let section = item.section()?;
        section.check(known, warnings)?;
        Ok(Some(section))
    }

    /// Reads `key` into `place`, which keeps its default where the key is missing.
    pub(super) fn set<T>(
        &self,
        key: &str,
        place: &mut T,
        read: impl FnOnce(&Item<'t>) -> Result<T, SettingsError>,
    ) -> Result<(), SettingsError> {
        if let Some(item) = self.get(key) {
            *place = read(&item)?;
        }
        Ok(())
    }
}

/// One value and the way to it.
pub(super) struct Item<'t> {
    text: Text<'t>,
    path: String,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Item<'t> {
    /// That this value cannot be taken, and why.
    pub(super) fn wrong(&self, cause: String) -> SettingsError {
        SettingsError {
            what: format!(
                "{} `{}` cannot be taken",
                self.text.place(self.value.span()),
                self.path
            ),
            cause: Some(cause),
            hint: None,
        }
    }

    /// That this key has no effect yet.
    pub(super) fn not_yet(&self) -> String {
        format!(
            "{} `{}` is not acted on by this version",
            self.text.place(self.value.span()),
            self.path
        )
    }

    fn mistyped(&self, wanted: &str) -> SettingsError {
        self.wrong(format!(
            "{wanted} is wanted, not {}",
            match self.value.get_ref() {
                DeValue::String(_) => "a text",
                DeValue::Integer(_) => "a whole number",
                DeValue::Float(_) => "a number with decimals",
                DeValue::Boolean(_) => "true or false",
                DeValue::Datetime(_) => "a date",
                DeValue::Array(_) => "a list",
                DeValue::Table(_) => "a table",
            }
        ))
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.get_ref().is_array()
    }

    pub(super) fn section(&self) -> Result<Section<'t>, SettingsError> {
        let table = self.value.get_ref().as_table();
        Ok(Section {
            text: self.text,
            path: self.path.clone(),
            table: table.ok_or_else(|| self.mistyped("a table"))?,
        })
    }

    /// A text, which may be empty.
    fn word(&self) -> Result<&'t str, SettingsError> {
        let text = self.value.get_ref().as_str();
        let text = text.ok_or_else(|| self.mistyped("a text"))?;
        if text.len() > VALUE {
            return Err(self.wrong(format!("a text has at most {VALUE} bytes")));
        }
        if text.contains('\0') {
            return Err(self.wrong("a text has no byte of value 0".into()));
        }
        Ok(text)
    }

    /// A text with something in it.
    pub(super) fn text(&self) -> Result<&'t str, SettingsError> {
        let text = self.word()?;
        if text.trim().is_empty() {
            return Err(self.wrong("it is empty: write a text, or take the line out".into()));
        }
        Ok(text)
    }

    fn list(&self) -> Result<Vec<Self>, SettingsError> {
        let list = self.value.get_ref().as_array();
        let list = list.ok_or_else(|| self.mistyped("a list of texts"))?;
        if list.len() > LIST {
            return Err(self.wrong(format!("a list has at most {LIST} entries")));
        }
        let items = list.iter().enumerate().map(|(at, value)| Self {
            text: self.text,
            path: format!("{}[{at}]", self.path),
            value,
        });
        Ok(items.collect())
    }

    /// A list of texts, none of them empty.
    pub(super) fn texts(&self) -> Result<Vec<String>, SettingsError> {
        let list = self.list()?;
        list.iter()
            .map(|item| item.text().map(str::to_owned))
            .collect()
    }

    /// A list of texts.
    pub(super) fn words(&self) -> Result<Vec<String>, SettingsError> {
        let list = self.list()?;
        list.iter()
            .map(|item| item.word().map(str::to_owned))
            .collect()
    }

    /// True or false.
    pub(super) fn flag(&self) -> Result<bool, SettingsError> {
        let flag = self.value.get_ref().as_bool();
        flag.ok_or_else(|| self.mistyped("true or false"))
    }

    /// A whole number within these bounds.
    pub(super) fn number(&self, least: u32, most: u32) -> Result<u32, SettingsError> {
        let number = self.value.get_ref().as_integer();
        let number = number.ok_or_else(|| self.mistyped("a whole number"))?;
        i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.wrong(format!("it is a whole number from {least} to {most}")))
    }

    /// An amount of US dollars.
    pub(super) fn dollars(&self) -> Result<Usd, SettingsError> {
        let amount: Option<f64> = match self.value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => return Err(self.mistyped("a number of dollars such as 20.0")),
        };
        amount
            .and_then(Usd::from_dollars)
            .ok_or_else(|| self.wrong("it is a number of dollars, 0 or more".into()))
    }

    /// A span of time.
    pub(super) fn time(&self) -> Result<Duration, SettingsError> {
        let Some(text) = self.value.get_ref().as_str() else {
            return Err(self.mistyped("a time such as \"15m\""));
        };
        let seconds: Seconds =
            text.parse()
                .map_err(|error: cw_core::domain::duration::NotDuration| {
                    self.wrong(error.to_string())
                })?;
        Ok(seconds.into())
    }

    /// A span of time that is not over at once.
    pub(super) fn some_time(&self) -> Result<Duration, SettingsError> {
        let time = self.time()?;
        if time.is_zero() {
            return Err(self.wrong("it must be longer than no time at all".into()));
        }
        Ok(time)
    }

    /// One of a few words.
    pub(super) fn one_of(&self, fault: &str, words: &[&str]) -> Result<String, SettingsError> {
        let word = self.text()?;
        if words.contains(&word) {
            Ok(word.to_owned())
        } else {
            Err(self.no_choice(fault, words.iter().copied()))
        }
    }

    /// That the text is none of `known`.
    pub(super) fn no_choice<'k>(
        &self,
        fault: &str,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> SettingsError {
        let word = self.value.get_ref().as_str().unwrap_or_default();
        let mut error = self.wrong(format!("{fault}: `{}`", shown(word)));
        error.hint = Some(nearest(word, known.clone()).map_or_else(
            || format!("known: {}", known.collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        ));
        error
    }

    /// Environment variables with their values.
    pub(super) fn variables(&self) -> Result<BTreeMap<String, String>, SettingsError> {
        let section = self.section()?;
        let mut variables = BTreeMap::new();
        for (name, item) in section.items() {
            if !is_variable(name) {
                return Err(item.wrong("this cannot be the name of a variable".into()));
            }
            variables.insert(name.to_owned(), item.word()?.to_owned());
        }
        Ok(variables)
    }

    /// Names of environment variables.
    pub(super) fn variable_names(&self) -> Result<Vec<String>, SettingsError> {
        let list = self.list()?;
        list.iter()
            .map(|item| match item.text()? {
                name if is_variable(name) => Ok(name.to_owned()),
                _ => Err(item.wrong("this cannot be the name of a variable".into())),
            })
            .collect()
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.len() <= 256 && !name.contains(['=', '\0'])
}

/// A word as it is told: bounded, without control characters.
fn shown(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(60).collect()
}
