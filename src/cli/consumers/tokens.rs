//! What becomes of a consumer's tokens when a command removes it.

use crate::clock::Clock;
use crate::config::Settings;
use crate::consumers::ConsumerKey;
use crate::directory::Directory;
use crate::tokens::{Selection, StoreFault, TokenFile};

/// What became of them.
#[derive(Debug)]
pub(super) enum TokensFate {
    /// No gateway with this configuration has given any.
    NotThere,
    /// They ended, and no gateway revives them.
    Ended(usize),
    /// Without a configuration nobody knows where they are.
    Unknown,
    /// They could not be ended.
    Kept(StoreFault),
}

impl TokensFate {
    /// How many ended, as far as that is known.
    pub(super) fn ended(&self) -> Option<usize> {
        if let Self::Ended(number) = self { Some(*number) } else { None }
    }

    /// For the person at the keyboard; `None`: there is nothing to say.
    pub(super) fn sentence(&self) -> Option<String> {
        const LATER: &str = "a running gateway refuses them at once, and purges them a day after";
        match self {
            Self::NotThere | Self::Ended(0) => None,
            Self::Ended(1) => Some("its access token has ended".to_owned()),
            Self::Ended(number) => Some(format!("its {number} access tokens have ended")),
            Self::Unknown => Some(format!("if users gave it tokens: {LATER}; with --config they end now")),
            Self::Kept(fault) => Some(format!("its tokens could not be ended ({fault}): {LATER}")),
        }
    }
}

/// Ends all of them, for good. A consumer is removed nevertheless where that cannot be: whoever may write its file and not the
/// database must not be kept from locking it out.
pub(super) fn end(settings: Option<&Settings>, key: &str) -> TokensFate {
    let (Some(settings), Some(consumer)) = (settings, ConsumerKey::new(key)) else { return TokensFate::Unknown };
    match purge(settings, consumer) {
        Ok(Some(number)) => TokensFate::Ended(number),
        Ok(None) => TokensFate::NotThere,
        Err(fault) => TokensFate::Kept(fault),
    }
}

fn purge(settings: &Settings, consumer: ConsumerKey) -> Result<Option<usize>, StoreFault> {
    let fault = |error: std::io::Error| StoreFault::Database(error.to_string());
    // Where no gateway ran yet, none is made for it.
    if !settings.state_directory.try_exists().map_err(fault)? {
        return Ok(None);
    }
    let state = Directory::make(&settings.state_directory).map_err(fault)?;
    let Some(mut file) = TokenFile::open(&state, Clock::System)? else { return Ok(None) };
    let which = Selection { consumer: Some(consumer.clone()), ..Selection::default() };
    let number = file.list(&which)?.len();
    file.purge(&consumer)?;
    Ok(Some(number))
}
