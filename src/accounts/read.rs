//! admin-users.yaml: from the file to its users, or to every problem.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::model::{ApiToken, User, UserName, Users};
use super::password::PasswordHash;
use crate::secret::SecretHash;
use crate::yaml::{Document, Fields, Node, Path as Place, Problem, Problems, Report, Severity};

/// Users that may sign in.
#[derive(Debug)]
pub struct Loaded {
    /// The users.
    pub users: Users,
    /// What somebody should know about the file.
    pub warnings: Vec<Problem>,
}

/// Reads the users file. One that is not there has no users.
///
/// # Errors
/// Every problem, and with them the warnings.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    match read(path)? {
        Some(document) => parse(&document),
        None => Ok(Loaded { users: Users::default(), warnings: Vec::new() }),
    }
}

/// The file's text; `None`: there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Document>, Problem> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => Document::read(path, MAX_SIZE).map(Some),
    }
}

/// What the text says, and who else can read or write it.
pub(super) fn parse(document: &Document) -> Result<Loaded, Problems> {
    let mut report = Report::default();
    let parsed = document.parse(&mut report, None);
    let users = parsed.map(|parsed| top(&Node::top(&parsed.value), &mut report)).unwrap_or_default();
    let mut problems = report.into_problems(std::slice::from_ref(document));
    problems.extend(std::fs::metadata(document.file()).ok().and_then(|found| open_to_others(document.file(), &found)));
    if problems.iter().any(Problem::is_error) { Err(Problems(problems)) } else { Ok(Loaded { users, warnings: problems }) }
}

/// Whoever may write the file could make himself an administrator; whoever may read it could guess passwords in peace.
fn open_to_others(path: &Path, found: &Metadata) -> Option<Problem> {
    if !found.is_file() {
        return None;
    }
    let (severity, who) = match found.mode() & 0o777 {
        mode if mode & 0o022 != 0 => (Severity::Error, "others than its owner may write it"),
        mode if mode & 0o004 != 0 => (Severity::Warning, "everybody may read the hashes in it"),
        _ => return None,
    };
    let message = format!("has the mode {:o}: {who}", found.mode() & 0o777);
    Some(Problem { severity, ..Problem::of_file(path, message, format!("chmod 600 {}", path.display())) })
}

fn top(node: &Node<'_>, report: &mut Report) -> Users {
    let mut users = Users::default();
    if node.is_null() {
        report.problem_at_line(0, "the file is empty", NOBODY);
        return users;
    }
    let Some(mut fields) = Fields::of(node, report) else { return users };
    let mut names = Names::default();
    if let Some(list) = fields.mandatory("users", report, NOBODY) {
        users.users = list.entries(report).iter().filter_map(|entry| user(entry, &mut names, report)).collect();
    }
    if let Some(list) = fields.get("tokens") {
        users.tokens = list.entries(report).iter().filter_map(|entry| token(entry, &mut names, report)).collect();
    }
    fields.finish(report);
    users
}

/// Names so far, and where they stand.
type Names = HashMap<UserName, Place>;

fn user(entry: &Node<'_>, names: &mut Names, report: &mut Report) -> Option<User> {
    let mut fields = Fields::of(entry, report)?;
    let name = fields.mandatory("name", report, BY_COMMAND).and_then(|node| name(&node, names, report));
    let password = fields.mandatory("password", report, BY_COMMAND).and_then(|node| password(&node, report));
    fields.finish(report);
    Some(User { name: name?, password: password? })
}

fn token(entry: &Node<'_>, names: &mut Names, report: &mut Report) -> Option<ApiToken> {
    let mut fields = Fields::of(entry, report)?;
    let name = fields.mandatory("name", report, TOKEN_BY_COMMAND).and_then(|node| name(&node, names, report));
    let hash = fields.mandatory("hash", report, TOKEN_BY_COMMAND).and_then(|node| hash(&node, report));
    let created = fields.mandatory("created", report, TOKEN_BY_COMMAND).and_then(|node| moment(&node, report));
    fields.finish(report);
    Some(ApiToken { name: name?, hash: hash?, created: created? })
}

fn name(node: &Node<'_>, names: &mut Names, report: &mut Report) -> Option<UserName> {
    let Some(name) = UserName::new(node.text(report)?) else {
        report.wrong_type(node, "a name", &format!("take {}", UserName::RULE));
        return None;
    };
    if let Some(first) = names.get(&name) {
        let message = format!("the name \"{name}\" stands twice, first in");
        report.conflict(Severity::Error, (0, node.path()), (0, first.clone()), message, "take one of the two out");
        return None;
    }
    names.insert(name.clone(), node.path());
    Some(name)
}

/// No message shows the value: who writes a password here should not find it in the log too.
fn password(node: &Node<'_>, report: &mut Report) -> Option<PasswordHash> {
    match PasswordHash::parse(node.value().as_str().unwrap_or_default()) {
        Ok(hash) => {
            if hash.is_weak() {
                report.warn(node, "this password hash takes less work to guess than a new one", REPLACE);
            }
            Some(hash)
        }
        Err(what) => {
            report.problem(node, format!("`{}` is {what}", node.label()), BY_COMMAND);
            None
        }
    }
}

fn hash(node: &Node<'_>, report: &mut Report) -> Option<SecretHash> {
    let found = node.value().as_str().and_then(SecretHash::from_hex);
    if found.is_none() {
        let message = format!("`{}` is no SHA-256 hash of 64 digits from 0 to f", node.label());
        report.problem(node, message, TOKEN_BY_COMMAND);
    }
    found
}

fn moment(node: &Node<'_>, report: &mut Report) -> Option<jiff::Timestamp> {
    let found = node.text(report)?.parse().ok();
    if found.is_none() {
        report.wrong_type(node, "a time", "write it as 2026-01-31T12:00:00Z");
    }
    found
}

/// Thousands of users; it is read whenever it changes.
const MAX_SIZE: usize = 1024 * 1024;

const NOBODY: &str = "`users: []` is a list of nobody; countersign admin add-user NAME writes an entry";
const BY_COMMAND: &str = "countersign admin add-user NAME makes an entry";
const TOKEN_BY_COMMAND: &str = "countersign admin add-token NAME makes an entry";
const REPLACE: &str = "countersign admin add-user NAME --replace makes a new one";

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";

    fn parsed(text: &str) -> Result<Users, Vec<String>> {
        match parse(&Document::new("users.yaml", text)) {
            Ok(loaded) => Ok(loaded.users),
            Err(Problems(problems)) => Err(problems.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn users_and_tokens_are_read() {
        let sha = SecretHash::of("cst_x");
        let text = format!(
            "users:\n  - name: ada\n    password: {HASH}\ntokens:\n  - {{ name: deploy, hash: {sha}, created: 2026-01-31T12:00:00Z }}\n"
        );
        let users = parsed(&text).unwrap();
        assert!(users.user("ada").is_some() && users.user("deploy").is_none());
        assert_eq!(users.token("cst_x").unwrap().name.as_str(), "deploy");
        assert_eq!(users.token("cst_y"), None);
        assert!(parsed("users: []").unwrap().is_without_user());
    }

    #[test]
    fn every_problem_has_its_line_and_no_message_shows_a_password() {
        let text = format!(
            "users:\n  - name: ada\n    password: hunter2hunter2\n  - name: a b\n    password: {HASH}\n  - name: bob\n    \
             password: {HASH}\n  - name: bob\n    password: {HASH}\n    admin: true\n\
             tokens:\n  - {{ name: bob, hash: 12, created: yesterday }}\n"
        );
        let problems = parsed(&text).unwrap_err();
        let expected = [
            "users.yaml:3: `password` is no password hash",
            "users.yaml:4: `name` has to be a name, and is \"a b\"",
            "users.yaml:8: the name \"bob\" stands twice, first in users.yaml:6",
            "users.yaml:10: unknown key `admin`",
            "users.yaml:12: the name \"bob\" stands twice",
            "users.yaml:12: `hash` is no SHA-256 hash",
            "users.yaml:12: `created` has to be a time",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_file_that_is_cut_off_is_no_list_of_nobody() {
        for text in ["", "# users\n", "null", "users:", "[]", "tokens: []", "users: {"] {
            assert!(parsed(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.yaml");
        assert!(load(&path).unwrap().users.is_without_user(), "a file that is not there");
        std::fs::write(&path, "users: []").unwrap();
        for (mode, fine, warnings) in [(0o600, true, 0), (0o640, true, 0), (0o644, true, 1), (0o660, false, 0), (0o602, false, 0)]
        {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match load(&path) {
                Ok(loaded) => assert!(fine && loaded.warnings.len() == warnings, "{mode:o}"),
                Err(problems) => assert!(!fine && problems.to_string().contains("may write it"), "{mode:o}: {problems}"),
            }
        }
    }
}
