//! One object of a body, read as the generated code of a Kotlin class reads it.
//!
//! In: a [`Lexer`] in front of an object, and the fields of the class. Out: a [`Record`] of the values of
//! these fields.

use std::collections::BTreeMap;

use super::super::entry::{EntryFault, ListFault};
use super::super::kotlinx::{Lexer, Next, Syntax};
use super::fields::{Field, Kind};

/// The values of the fields of a class.
pub(super) type Record = BTreeMap<&'static str, FieldValue>;

pub(super) enum FieldValue {
    Text(String),
    Number(i64),
    Files(Vec<Record>),
    Object(Record),
    Map(Vec<(String, Record)>),
}

pub(super) enum ReadFault {
    Syntax(Syntax),
    Entry(EntryFault),
    List(ListFault),
}

impl From<Syntax> for ReadFault {
    fn from(syntax: Syntax) -> ReadFault {
        ReadFault::Syntax(syntax)
    }
}

impl From<EntryFault> for ReadFault {
    fn from(fault: EntryFault) -> ReadFault {
        ReadFault::Entry(fault)
    }
}

pub(super) fn read_record(
    lexer: &mut Lexer<'_>,
    fields: &'static [Field],
    refuses_unknown: bool,
) -> Result<Record, ReadFault> {
    let mut record = Record::new();
    lexer.object(|lexer, key| {
        let Some(field) = fields.iter().find(|field| field.key == key) else {
            return match refuses_unknown {
                true => Err(EntryFault::UnknownKey { key }.into()),
                false => Ok(false),
            };
        };
        match !field.is_required && lexer.null() {
            true => record.remove(field.key),
            false => record.insert(field.key, read_value(lexer, field)?),
        };
        Ok::<_, ReadFault>(true)
    })?;
    let is_missing = |field: &&Field| field.is_required && !record.contains_key(field.key);
    match fields.iter().find(is_missing) {
        Some(Field { key, .. }) => Err(EntryFault::Missing { key }.into()),
        None => Ok(record),
    }
}

fn read_value(lexer: &mut Lexer<'_>, field: &Field) -> Result<FieldValue, ReadFault> {
    let key = field.key;
    let found = lexer.next();
    match (field.kind, &found) {
        (Kind::Text, Next::Text) => return Ok(FieldValue::Text(lexer.string()?)),
        (Kind::Long | Kind::Int, Next::Text | Next::Word(_)) => {
            if let Some(number) = lexer.long() {
                return match field.kind {
                    Kind::Int if i32::try_from(number).is_err() => Err(EntryFault::Value {
                        key,
                        found: number.to_string(),
                        expected: "a whole number of 32 bits",
                    }
                    .into()),
                    _ => Ok(FieldValue::Number(number)),
                };
            }
        }
        (Kind::Files(fields), Next::Array) => {
            let mut files = Vec::new();
            lexer.array(|lexer, _| {
                if lexer.next() != Next::Object {
                    return Err(wrong(lexer, key, "a list of objects"));
                }
                files.push(read_record(lexer, fields, false)?);
                Ok(())
            })?;
            return Ok(FieldValue::Files(files));
        }
        (Kind::Object(fields), Next::Object) => {
            return Ok(FieldValue::Object(read_record(lexer, fields, false)?));
        }
        (Kind::Map(fields), Next::Object) => {
            let mut members = BTreeMap::new();
            lexer.map(|lexer, name| {
                if lexer.next() != Next::Object {
                    return Err(wrong(lexer, key, "an object of objects"));
                }
                members.insert(name, read_record(lexer, fields, false)?);
                Ok(())
            })?;
            return Ok(FieldValue::Map(members.into_iter().collect()));
        }
        _ => {}
    }
    Err(wrong(
        lexer,
        key,
        match field.kind {
            Kind::Text => "text",
            Kind::Long | Kind::Int => "a whole number of 64 bits",
            Kind::Files(_) => "an array",
            Kind::Object(_) | Kind::Map(_) => "an object",
        },
    ))
}

pub(super) const NO_VALUE: &str = "a value is missing";

fn wrong(lexer: &mut Lexer<'_>, key: &'static str, expected: &'static str) -> ReadFault {
    let found = match lexer.next() {
        Next::Word(word) if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
            word.to_owned()
        }
        Next::Text => match lexer.string() {
            Ok(text) => format!("`{text}`"),
            Err(syntax) => return syntax.into(),
        },
        found => match kind(&found) {
            Some(kind) => kind.to_owned(),
            None => return lexer.fault(NO_VALUE).into(),
        },
    };
    EntryFault::Value {
        key,
        found,
        expected,
    }
    .into()
}

pub(super) fn kind(found: &Next<'_>) -> Option<&'static str> {
    Some(match found {
        Next::Null => "null",
        Next::Bool => "true or false",
        Next::Text => "text",
        Next::Array => "an array",
        Next::Object => "an object",
        Next::Word(word) if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            "a number"
        }
        Next::Word(_) | Next::Other | Next::End => return None,
    })
}

pub(super) fn text(record: &mut Record, key: &'static str) -> String {
    match record.remove(key) {
        Some(FieldValue::Text(text)) => text,
        _ => String::new(),
    }
}

pub(super) fn number(record: &Record, key: &'static str) -> Option<i64> {
    match record.get(key) {
        Some(FieldValue::Number(number)) => Some(*number),
        _ => None,
    }
}

pub(super) fn wrong_value(
    record: &Record,
    key: &'static str,
    expected: &'static str,
) -> EntryFault {
    EntryFault::Value {
        key,
        found: match record.get(key) {
            Some(FieldValue::Text(text)) => format!("`{text}`"),
            Some(FieldValue::Number(number)) => number.to_string(),
            _ => "a list".to_owned(),
        },
        expected,
    }
}
