//! `countersign admin add-user`

use std::io::Read;

use clap::Args;

use super::place::{Place, parse_name};
use super::terminal::Terminal;
use crate::accounts::{MIN_LENGTH, Memory, Password, PasswordHash, User, UserName, Users};
use crate::cli::{Failure, print};
use crate::observe::Subject;

/// Arguments of `admin add-user`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct AddUser {
    /// What the user signs in as
    #[arg(value_parser = parse_name)]
    name: UserName,
    /// Take the password from standard input, up to the end of the line, instead of asking for it
    #[arg(long)]
    password_stdin: bool,
    /// Give a user who is there a new password; the user's sessions end
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    place: Place,
}

impl AddUser {
    pub(super) fn run(self) -> Result<(), Failure> {
        let files = self.place.files()?;
        // Before anybody has to think of a password in vain; asked again under the file's lock.
        self.check_name(&files.load()?)?;
        let password = if self.password_stdin { password_from_stdin()? } else { self.ask()? };
        password.check(&self.name).map_err(|unfit| Failure::new(unfit.to_string()).hint(GOOD_PASSWORD))?;
        let made = PasswordHash::make(&password, &mut Memory::default());
        let hash = made.map_err(|error| Failure::new(format!("cannot hash the password: {error}")))?;
        let (action, subject) = (if self.replace { "replace_user" } else { "add_user" }, Subject::User(self.name.as_str()));
        files.change(action, subject, |users| {
            self.check_name(users)?;
            match users.users.iter_mut().find(|user| user.name == self.name) {
                Some(user) => user.password = hash,
                None => users.users.push(User { name: self.name.clone(), password: hash }),
            }
            Ok(())
        })?;
        print(&format!("{} may sign in, by {}\n", self.name, files.users.display()))
    }

    fn ask(&self) -> Result<Password, Failure> {
        let terminal = Terminal::open()?;
        let password = terminal.ask_secretly(&format!("Password for {} (at least {MIN_LENGTH} characters): ", self.name))?;
        let again = terminal.ask_secretly("The same again: ")?;
        if password != again {
            return Err(Failure::new("the two passwords are not the same").hint("nothing was changed; try again"));
        }
        Ok(Password::new(password))
    }

    fn check_name(&self, users: &Users) -> Result<(), Failure> {
        match users.user(self.name.as_str()) {
            Some(_) if self.replace => Ok(()),
            Some(_) => Err(Failure::new(format!("{} may sign in already", self.name))
                .hint("--replace gives a new password, and ends open sessions")),
            None if users.has(&self.name) => {
                Err(Failure::new(format!("{} is the name of a token", self.name)).hint("take another name"))
            }
            None => Ok(()),
        }
    }
}

fn password_from_stdin() -> Result<Password, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MOST).read_to_string(&mut text);
    read.map_err(|error| Failure::new(format!("cannot read the password: {error}")))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Password::new(line.strip_suffix('\r').unwrap_or(line)))
}

/// More is refused as a password anyway.
const MOST: u64 = 4096;

const GOOD_PASSWORD: &str = "four or five words that have nothing to do with each other are easy to keep, and hard to guess";

const AFTER_HELP: &str = "\
Examples:
  countersign admin add-user ada
  countersign admin add-user ada --replace
  pass show countersign | countersign admin add-user ada --password-stdin --users ./admin-users.yaml

A running gateway knows the user at once.";
