//! What the loader says about an entry, at the fields of the form.

use super::super::layout::FieldErrors;
use super::super::words::{sentence, shown};
use crate::consumers::edit::EditError;
use crate::yaml::Problem;

/// Why nothing was written, as errors of the form for the consumer with this key.
pub(super) fn explain(error: &EditError, key: &str, errors: &mut FieldErrors) {
    match error {
        EditError::Problems(problems) => {
            problems.0.iter().filter(|problem| problem.is_error()).take(MOST).for_each(|problem| add(problem, key, errors));
        }
        EditError::KeyTaken { .. } => errors.add("key", with_hint(&error.to_string(), error.hint())),
        _ => errors.add(WHOLE, with_hint(&error.to_string(), error.hint())),
    }
}

/// What is about this consumer stands at a field; what is wrong elsewhere in the files has its line.
fn add(problem: &Problem, key: &str, errors: &mut FieldErrors) {
    let subject = format!("consumer \"{}\": ", key.escape_debug());
    match problem.message.strip_prefix(&subject) {
        Some(message) => errors.add(field(message), with_hint(message, &problem.hint)),
        None if problem.message.starts_with("`key`") => errors.add("key", with_hint(&problem.message, &problem.hint)),
        None => errors.add(WHOLE, shown(&problem.to_string())),
    }
}

/// Where a setting is on the form: messages name it as the file does.
fn field(message: &str) -> &'static str {
    let named = FIELDS.iter().find(|(setting, _)| message.contains(setting));
    named.map_or(WHOLE, |(_, field)| field)
}

fn with_hint(message: &str, hint: &str) -> String {
    let message = sentence(&shown(message));
    if hint.is_empty() { message } else { format!("{message}. {}", sentence(&shown(hint))) }
}

/// The form as a whole.
const WHOLE: &str = "consumer";

/// A file with one mistake in each of ten thousand entries fills no page.
const MOST: usize = 20;

const FIELDS: [(&str, &str); 20] = [
    ("`upstream_authorization.basic_file`", "upstream_basic_file"),
    ("`upstream_authorization.bearer_file`", "upstream_bearer_file"),
    ("`name`", "name"),
    ("`description`", "description"),
    ("public_key", "public_key"),
    ("this key", "public_key"),
    ("`callback_url`", "callback_url"),
    ("`two_legged.execute_as`", "execute_as"),
    ("`two_legged", "two_legged"),
    ("`three_legged`", "three_legged"),
    ("signature_methods", "signature_methods"),
    ("HMAC", "signature_methods"),
    ("`allow_from`", "allow_from"),
    ("`allow`", "allow"),
    ("`path`", "allow"),
    ("`methods`", "allow"),
    ("rate_limit.per", "rate_per"),
    ("rate_limit", "rate_requests"),
    ("`expires`", "expires"),
    ("reveal", "reveal"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Problems;

    fn explained(messages: &[&str]) -> Vec<(String, String)> {
        let problems = messages.iter().map(|message| Problem::of_file("c.yaml", *message, "do that")).collect();
        let mut errors = FieldErrors::default();
        explain(&EditError::Problems(Problems(problems)), "a\"b", &mut errors);
        errors.list().iter().map(|error| (error.field.to_string(), error.message.clone())).collect()
    }

    #[test]
    fn a_problem_of_this_consumer_stands_at_its_field_and_others_have_their_place() {
        let found = explained(&[
            "consumer \"a\\\"b\": `callback_url` has to be an http or https URL, and is \"x\"",
            "consumer \"c\": `name` is missing",
            "`key` has 300 bytes, or a character that it may not have",
            "consumer \"a\\\"b\": the moon is full",
        ]);
        let expected = [
            ("callback_url", "`callback_url` has to be an http or https URL, and is \"x\". Do that"),
            ("consumer", "c.yaml: consumer \"c\": `name` is missing; do that"),
            ("key", "`key` has 300 bytes, or a character that it may not have. Do that"),
            ("consumer", "The moon is full. Do that"),
        ];
        assert_eq!(found, expected.map(|(field, message)| (field.to_owned(), message.to_owned())));
    }
}
