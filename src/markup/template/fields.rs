//! Maps of fields for templates. minijinja sorts the fields of a map first; these are searched in their order, which is
//! faster for few.

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

/// Fields in any order; each name is there once.
#[derive(Debug)]
struct Fields(Vec<(&'static str, Value)>);

/// Makes a map of fields, of which each name is there once.
pub(crate) fn map(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::from_object(Fields(fields.into_iter().collect()))
}

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let field = self.0.iter().find(|(name, _)| *name == key);
        field.map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        sorted(self.0.iter().map(|(name, _)| Value::from(*name)))
    }
}

/// The fields of two maps; where both have a field, that of the second.
#[derive(Debug)]
struct Joined([Value; 2]);

/// Joins two maps; the fields of `more` take precedence.
pub(crate) fn join(fields: Value, more: Value) -> Value {
    Value::from_object(Joined([fields, more]))
}

impl Object for Joined {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let mut maps = self.0.iter().rev();
        maps.find_map(|map| map.as_object()?.get_value_by_str(key))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.0.iter().filter_map(|map| map.try_iter().ok());
        sorted(names.flatten())
    }

    /// Whether there are fields, without counting them.
    fn is_true(self: &Arc<Self>) -> bool {
        self.0.iter().any(Value::is_true)
    }
}

/// Returns names in the order of the alphabet, each once.
fn sorted(names: impl Iterator<Item = Value>) -> Enumerator {
    let names: BTreeSet<Value> = names.collect();
    Enumerator::Values(names.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_fields_are_like_other_maps() {
        let fields = |fields: [(&'static str, i32); 2]| {
            map(fields.map(|(name, value)| (name, Value::from(value))))
        };
        let joined = join(fields([("c", 1), ("b", 1)]), fields([("b", 2), ("a", 2)]));
        assert_eq!(joined, Value::from_pairs([("a", 2), ("b", 2), ("c", 1)]));
        assert_eq!(joined.to_string(), "{'a': 2, 'b': 2, 'c': 1}");
        assert!(joined.get_attr("d").unwrap().is_undefined());
        assert!(joined.is_true());
        assert!(!join(map([]), map([])).is_true());
    }
}
