//! The columns of an API's rows, and the answer with those that a call asks for.

use serde_json::{Map, Value, json};

use super::answers::{TushareAnswer, TushareError};
use super::call::Call;
use crate::serve::kit::answers::{encoded, json};

/// A column of rows of one kind.
pub struct Column<R> {
    pub name: &'static str,
    /// Whether it is there when a call names no fields.
    pub is_usual: bool,
    pub of: fn(&R) -> Value,
}

impl<R> Column<R> {
    /// A column that is always there.
    pub const fn usual(name: &'static str, of: fn(&R) -> Value) -> Self {
        Self { name, is_usual: true, of }
    }

    /// A column that is there when it is asked for.
    pub const fn further(name: &'static str, of: fn(&R) -> Value) -> Self {
        Self { name, is_usual: false, of }
    }
}

/// The rows with the columns that a call asks for, in its order.
///
/// # Errors
/// There is no such column.
pub fn answer<R>(call: &Call, columns: &[Column<R>], rows: &[R]) -> TushareAnswer {
    let asked: Vec<&Column<R>> = match call.fields.is_empty() {
        true => columns.iter().filter(|column| column.is_usual).collect(),
        false => {
            let of = |name: &String| {
                let found = columns.iter().find(|column| column.name == name);
                found.ok_or_else(|| TushareError::Field(call.api, name.clone()))
            };
            call.fields.iter().map(of).collect::<Result<_, _>>()?
        }
    };
    let names: Vec<&str> = asked.iter().map(|column| column.name).collect();
    let items: Vec<Value> =
        rows.iter().map(|row| Value::Array(asked.iter().map(|column| (column.of)(row)).collect())).collect();
    let mut body = Map::new();
    body.insert("code".to_owned(), json!(0));
    body.insert("msg".to_owned(), Value::Null);
    body.insert("data".to_owned(), json!({"fields": names, "items": items}));
    Ok(json(encoded(&body)?))
}

/// A number with at most so many decimals.
pub fn rounded(number: f64, decimals: i32) -> Value {
    let scale = 10_f64.powi(decimals);
    json!((number * scale).round() / scale)
}

/// A number that may not be known.
pub fn rounded_or_null(number: Option<f64>, decimals: i32) -> Value {
    number.map_or(Value::Null, |number| rounded(number, decimals))
}
