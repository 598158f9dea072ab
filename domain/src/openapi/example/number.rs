//! Numbers for examples.

use super::super::schema::Limits;
use serde_json::{Number, Value};

/// Largest whole number that every reader of JSON keeps exactly (RFC 8259 §6).
const EXACT: f64 = 9_007_199_254_740_991.0;

/// The number nearest to 1 that the limits allow.
pub(super) fn number(limits: Option<&Limits>, whole: bool) -> Value {
    let mut number: f64 = 1.0;
    if let Some(limits) = limits {
        let least = [limits.minimum, limits.exclusive_minimum];
        let most = [limits.maximum, limits.exclusive_maximum];
        number = least.into_iter().flatten().fold(number, f64::max);
        number = most.into_iter().flatten().fold(number, f64::min);
        let multiple = limits.multiple_of.filter(|step| *step > 0.0);
        let step = multiple.unwrap_or(1.0);
        if multiple.is_some() || whole {
            number = (number / step).ceil() * step;
        }
        let is_least = |least: f64| number <= least;
        if limits.exclusive_minimum.is_some_and(is_least) {
            number += step;
        }
        let is_past = limits.maximum.is_some_and(|most| number > most);
        if is_past || limits.exclusive_maximum.is_some_and(|most| number >= most) {
            number -= step;
        }
    }
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return Value::Number((number as i64).into());
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
