//! A value and the way to it.

use serde_yaml::Value;

/// One step from a container to a value in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// Into a map.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

/// The way from the top of a document to a value.
pub type Path = Vec<Step>;

/// A value together with the way to it; the way is spelled out only when something has to be said about the value.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    value: &'a Value,
    from: From<'a>,
}

#[derive(Debug, Clone, Copy)]
enum From<'a> {
    Top,
    Key(&'a Node<'a>, &'a str),
    Index(&'a Node<'a>, usize),
}

impl<'a> Node<'a> {
    /// A document's top.
    pub fn top(value: &'a Value) -> Self {
        Self { value, from: From::Top }
    }

    /// What `parent` has under `key`.
    pub fn under(parent: &'a Node<'a>, key: &'a str, value: &'a Value) -> Self {
        Self { value, from: From::Key(parent, key) }
    }

    /// Entry `index` of the list `parent`.
    pub fn entry(parent: &'a Node<'a>, index: usize, value: &'a Value) -> Self {
        Self { value, from: From::Index(parent, index) }
    }

    /// The value.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// The way to it.
    pub fn path(&self) -> Path {
        let (mut path, step) = match self.from {
            From::Top => return Path::new(),
            From::Key(parent, key) => (parent.path(), Step::Key(key.to_owned())),
            From::Index(parent, index) => (parent.path(), Step::Index(index)),
        };
        path.push(step);
        path
    }

    /// What people call it: `limits.header`; within an entry of a list, the names from that entry on.
    pub fn label(&self) -> String {
        match self.from {
            From::Top => String::new(),
            From::Index(parent, _) => parent.label(),
            From::Key(parent, key) => match parent.from {
                From::Key(..) => format!("{}.{key}", parent.label()),
                From::Top | From::Index(..) => key.to_owned(),
            },
        }
    }
}
