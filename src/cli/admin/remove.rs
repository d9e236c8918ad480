//! `countersign admin remove`

use clap::Args;

use super::place::{Files, Place, parse_name};
use crate::accounts::UserName;
use crate::cli::{Failure, print};
use crate::observe::Subject;

/// Arguments of `admin remove`.
#[derive(Debug, Args)]
#[command(after_help = "Example: countersign admin remove ada\n\nA running gateway ends the user's sessions at once.")]
pub(super) struct Remove {
    /// The user or the token
    #[arg(value_parser = parse_name)]
    name: UserName,
    #[command(flatten)]
    place: Place,
}

impl Remove {
    pub(super) fn run(self) -> Result<(), Failure> {
        let files = self.place.files()?;
        let left = files.change("remove_user_or_token", self.subject(&files)?, |users| {
            if users.remove(&self.name) { Ok(users.users.len()) } else { Err(self.is_not_there()) }
        })?;
        if left == 0 {
            eprintln!("nobody can sign in now: add a user, or take the link that the gateway's log has after its next start");
        }
        print(&format!("{} is taken out of {}\n", self.name, files.users.display()))
    }

    /// What has the name: a user if there is one, else a token. A name that nobody has is taken for a user's.
    fn subject(&self, files: &Files) -> Result<Subject<'_>, Failure> {
        let users = files.load()?;
        let is_token =
            !users.users.iter().any(|user| user.name == self.name) && users.tokens.iter().any(|it| it.name == self.name);
        let name = self.name.as_str();
        Ok(if is_token { Subject::Token(name) } else { Subject::User(name) })
    }

    fn is_not_there(&self) -> Failure {
        Failure::new(format!("no user and no token is called {}", self.name)).hint("countersign admin list shows all of them")
    }
}
