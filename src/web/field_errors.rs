//! What is wrong with a form that somebody filled in; `form.html` shows it.

use std::borrow::Cow;

/// What is wrong with what somebody filled in, field by field.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

/// What is wrong with one field.
#[derive(Debug)]
pub struct FieldError {
    /// The field's name, which is its id too.
    pub field: Cow<'static, str>,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl FieldErrors {
    /// One more.
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, message: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), message: message.into() });
    }

    /// Whether everything is right.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn list(&self) -> &[FieldError] {
        &self.0
    }

    /// The first one of a field.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}
