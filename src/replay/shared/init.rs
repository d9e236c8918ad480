//! A marker by a person's word, who knows what no instance can: that the store is new, or that all have the same settings now.

use super::marker::{Agreed, CLOCKS_AGREE, Marker};
use super::name::Names;
use super::server::{Facts, Server};
use super::trouble::StoreTrouble;
use crate::config::SharedReplay;
use crate::oauth::timestamp::{Timestamp, Window};

/// Why a store gets no marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotInitialised {
    /// It can't be used.
    Trouble(StoreTrouble),
    /// It was said to be unused, and has a marker of some instance.
    Used,
}

impl From<StoreTrouble> for NotInitialised {
    fn from(trouble: StoreTrouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// Writes a marker for the settings of this instance, and gives the first stamp that is accepted: any, if the store is `unused`,
/// so that no instance can have accepted anything.
///
/// # Errors
/// [`NotInitialised`]; the store is then as it was.
pub async fn initialise(
    settings: &SharedReplay,
    window: Window,
    now: Timestamp,
    unused: bool,
) -> Result<Timestamp, NotInitialised> {
    let server = Server::new(settings)?;
    let mut connection = server.connect().await?;
    let Facts { run, time, marker } = server.ask(&mut connection).await?;
    match time.seconds().abs_diff(now.seconds()) {
        difference if difference > CLOCKS_AGREE => return Err(StoreTrouble::ClockOff(difference).into()),
        _ => {}
    }
    let agreed = Agreed { window, key_check: Names::new(&settings.key).key_check() };
    let from = match marker {
        None if unused => Timestamp::from_seconds(0),
        None => agreed.after_loss(now),
        Some(_) if unused => return Err(NotInitialised::Used),
        Some(text) => {
            let before = std::str::from_utf8(&text).ok().and_then(Marker::parse).ok_or(StoreTrouble::ForeignMarker)?;
            // By the window before, stamps may have been accepted that are beyond ours.
            before.from.max(before.agreed.after_loss(now)).max(agreed.after_loss(now))
        }
    };
    let marker = Marker { run, id: Marker::fresh_id(), from, agreed };
    server.put_marker(&mut connection, &marker.to_string()).await?;
    Ok(from)
}
