//! Single values: texts, flags, counts, durations, sizes and names out of a few.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_yaml::Value;

use super::fields::suggestion;
use super::node::Node;
use super::report::{Report, describe};

impl<'a> Node<'a> {
    /// Whether the value is `null` or left out after the colon.
    pub fn is_null(&self) -> bool {
        self.value().is_null()
    }

    /// A text; a number is one too only in quotes, since `0123` and `1e3` would change on the way.
    pub fn text(&self, report: &mut Report) -> Option<&'a str> {
        let found = self.value().as_str();
        if found.is_none() {
            let hint = match self.value() {
                Value::Bool(_) | Value::Number(_) => "put it in quotes",
                _ => "",
            };
            report.wrong_type(self, "a text", hint);
        }
        found
    }

    /// `true` or `false`.
    pub fn flag(&self, report: &mut Report) -> Option<bool> {
        let found = self.value().as_bool();
        if found.is_none() {
            // YAML 1.1 took yes and on; that they are texts now surprises people.
            report.wrong_type(self, "true or false", "write true or false, without quotes");
        }
        found
    }

    /// A whole number within `range`.
    pub fn count(&self, range: RangeInclusive<u64>, report: &mut Report) -> Option<u64> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let found = self.value().as_u64().filter(|number| range.contains(number));
        if found.is_none() {
            report.wrong_type(self, &wanted, "write digits only, without quotes and separators");
        }
        found
    }

    /// One of the names, or a suggestion.
    pub fn one_of<T: Copy>(&self, names: &[(&str, T)], report: &mut Report) -> Option<T> {
        let text = self.text(report)?;
        let found = names.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            let message = format!("`{}` has no such value: {}", self.label(), describe(self.value()));
            report.problem(self, message, suggestion(text, &known));
        }
        found.map(|(_, value)| *value)
    }

    /// A list's values; of anything else a problem and none.
    pub fn entries(&'a self, report: &mut Report) -> Vec<Node<'a>> {
        match self.value() {
            Value::Sequence(values) => values.iter().enumerate().map(|(at, value)| Node::entry(self, at, value)).collect(),
            _ => {
                report.wrong_type(self, "a list", "write [a, b], or each entry on a line of its own after `- `");
                Vec::new()
            }
        }
    }

    /// A duration such as `300s`, within `range`.
    pub fn duration(&self, range: RangeInclusive<Duration>, report: &mut Report) -> Option<Duration> {
        let found = match self.value() {
            Value::String(text) => parse_duration(text),
            _ => None,
        };
        let Some(duration) = found else {
            let hint = match self.value().as_u64() {
                Some(number) => format!("write the unit: {number}s for seconds, {number}ms for milliseconds"),
                None => "write a whole number and its unit: 500ms, 300s, 10m, 1h or 1d".to_owned(),
            };
            report.wrong_type(self, "a duration", &hint);
            return None;
        };
        let texts = (duration_text(*range.start()), duration_text(*range.end()));
        self.within(&range, duration, &texts, report)
    }

    /// A size in bytes such as `1MiB`, within `range`.
    pub fn size(&self, range: RangeInclusive<usize>, report: &mut Report) -> Option<usize> {
        let found = match self.value() {
            Value::String(text) => parse_size(text),
            Value::Number(number) => number.as_u64().and_then(|bytes| usize::try_from(bytes).ok()),
            _ => None,
        };
        let Some(size) = found else {
            report.wrong_type(self, "a size", size_hint(self.value()));
            return None;
        };
        let texts = (size_text(*range.start()), size_text(*range.end()));
        self.within(&range, size, &texts, report)
    }

    /// A number up to `whole`, or a part of it such as `50%`.
    pub fn share_of(&self, whole: usize, report: &mut Report) -> Option<usize> {
        let found = match self.value() {
            Value::String(text) => parse_percentage(text, whole),
            value => value.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|number| (1..=whole).contains(number)),
        };
        if found.is_none() {
            let wanted = format!("a part from 1% to 100%, or a whole number from 1 to {whole}");
            report.wrong_type(self, &wanted, "write for example 50%");
        }
        found
    }

    fn within<T: PartialOrd>(
        &self,
        range: &RangeInclusive<T>,
        value: T,
        (from, to): &(impl Display, impl Display),
        report: &mut Report,
    ) -> Option<T> {
        if range.contains(&value) {
            return Some(value);
        }
        let message = format!("`{}` is {}, and may be from {from} to {to}", self.label(), describe(self.value()));
        report.problem(self, message, "");
        None
    }
}

/// `500ms`, `300s`, `10m`, `1h`, `1d`
fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let millis = UNITS_OF_TIME.iter().find(|(name, _)| *name == unit)?.1;
    Some(Duration::from_millis(number.checked_mul(millis)?))
}

/// `1MiB`, `32KiB`, `1024`
fn parse_size(text: &str) -> Option<usize> {
    let (number, unit) = number_and_unit(text)?;
    let bytes = UNITS_OF_SIZE.iter().find(|(name, _)| *name == unit)?.1;
    usize::try_from(number.checked_mul(bytes)?).ok()
}

/// `50%`, a part of `whole`
fn parse_percentage(text: &str, whole: usize) -> Option<usize> {
    match number_and_unit(text)? {
        (percent @ 1..=100, "%") => Some(whole * usize::try_from(percent).ok()? / 100),
        _ => None,
    }
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

fn size_hint(value: &Value) -> &'static str {
    match value.as_str() {
        Some(text) if ["kb", "mb", "gb", "k", "m", "g"].iter().any(|unit| text.to_ascii_lowercase().ends_with(unit)) => {
            "write KiB, MiB or GiB, which are multiples of 1024; KB and MB mean 1000 to some and 1024 to others"
        }
        _ => "write a whole number and its unit: 8KiB, 1MiB, or plain bytes without a unit",
    }
}

/// The largest unit that leaves no rest.
fn duration_text(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    in_units(millis, &UNITS_OF_TIME)
}

/// The largest unit that leaves no rest.
pub(super) fn size_text(bytes: usize) -> String {
    in_units(bytes as u64, &UNITS_OF_SIZE)
}

fn in_units(number: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, factor): &&(&str, u64)| number >= *factor && number.is_multiple_of(*factor);
    let (unit, factor) = units.iter().rev().find(fits).unwrap_or(&units[0]);
    format!("{}{unit}", number / factor)
}

const UNITS_OF_TIME: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const UNITS_OF_SIZE: [(&str, u64); 4] = [("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, millis) in [("500ms", 500), ("300s", 300_000), ("10m", 600_000), ("1h", 3_600_000), ("1 d", 86_400_000)] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "1", "-1s", "1.5s", "1S", "1 week", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_multiples_of_1024() {
        for (text, bytes) in [("1024", 1024), ("32KiB", 32 << 10), ("1MiB", 1 << 20), ("2GiB", 2 << 30)] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "1KB", "1M", "MiB", "1.5MiB", "99999999999GiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn percentages_are_of_something() {
        assert_eq!(parse_percentage("50%", 4_000_000), Some(2_000_000));
        assert_eq!(parse_percentage("101%", 10), None);
        assert_eq!(parse_percentage("0%", 10), None);
        assert_eq!(parse_percentage("50", 10), None);
    }

    #[test]
    fn numbers_are_shown_in_the_unit_that_people_would_use() {
        assert_eq!(size_text(128 << 20), "128MiB");
        assert_eq!(size_text(1000), "1000");
        assert_eq!(duration_text(Duration::from_secs(86_400)), "1d");
        assert_eq!(duration_text(Duration::ZERO), "0ms");
    }
}
