//! Which settings a running gateway can't take over.

use std::path::Path;
use std::sync::Arc;

use super::dance::{DanceSettings, ResourceOwner};
use super::settings::{Limits, Settings};

impl Settings {
    /// The names of the settings that differ in `newer` and are taken only at a start.
    pub fn needs_restart(&self, newer: &Self) -> Vec<&'static str> {
        let (old, new) = (&self.limits, &newer.limits);
        let differs = [
            ("listen", self.sockets() != newer.sockets()),
            ("threads", self.threads != newer.threads),
            ("state_directory", self.state_directory != newer.state_directory),
            // What the nonce table has forgotten can't be brought back by a longer window.
            ("verify.max_age", self.verify.window.max_age != newer.verify.window.max_age),
            ("verify.max_ahead", self.verify.window.max_ahead != newer.verify.window.max_ahead),
            ("replay", self.replay != newer.replay),
            ("limits.header", old.header != new.header),
            ("limits.held_bodies", old.held_bodies != new.held_bodies),
            ("limits.connections", old.connections != new.connections),
            ("limits.connections_per_address", old.connections_per_address != new.connections_per_address),
            ("limits.nonces", old.nonces != new.nonces),
            ("limits.nonces_per_consumer", old.nonces_per_consumer != new.nonces_per_consumer),
            ("limits.h2_streams", old.h2_streams != new.h2_streams),
            ("log", self.log != newer.log),
            ("oauth", self.dance.is_some() != newer.dance.is_some()),
            ("resource_owner", self.users_file() != newer.users_file()),
            ("admin", self.admin != newer.admin),
        ];
        differs.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
    }

    /// A dance is neither begun nor ended, and its users stay who they are; paths, lifetimes and all else are as written.
    fn dance_taking_over(&self, newer: Option<Arc<DanceSettings>>) -> Option<Arc<DanceSettings>> {
        let (running, newer) = (self.dance.as_ref()?, newer.as_ref());
        let is_file = |dance: &DanceSettings| matches!(dance.resource_owner, ResourceOwner::Users(_));
        match newer {
            None => Some(Arc::clone(running)),
            Some(newer) if is_file(running) || is_file(newer) => {
                let resource_owner = running.resource_owner.clone();
                Some(Arc::new(DanceSettings { resource_owner, ..(**newer).clone() }))
            }
            Some(newer) => Some(Arc::clone(newer)),
        }
    }

    /// The users that sign in here for the dance; who has signed in is known of that file alone.
    fn users_file(&self) -> Option<&Path> {
        match &self.dance.as_ref()?.resource_owner {
            ResourceOwner::Users(file) => Some(file),
            ResourceOwner::SessionProbe(_) | ResourceOwner::TrustedHeader { .. } => None,
        }
    }

    /// `newer`, but for what [`Self::needs_restart`] names: that stays as it runs.
    #[must_use]
    pub fn taking_over(&self, newer: Self) -> Self {
        let same_sockets = self.sockets() == newer.sockets();
        let mut verify = newer.verify;
        verify.window = self.verify.window;
        Self {
            listen: if same_sockets { newer.listen } else { self.listen.clone() },
            threads: self.threads,
            state_directory: self.state_directory.clone(),
            verify,
            replay: self.replay.clone(),
            limits: self.limits.taking_over(&newer.limits),
            log: self.log.clone(),
            admin: self.admin.clone(),
            dance: self.dance_taking_over(newer.dance),
            ..newer
        }
    }
}

impl Limits {
    fn taking_over(&self, newer: &Self) -> Self {
        Self {
            target: newer.target,
            signed_body: newer.signed_body,
            parameters: newer.parameters,
            consumers_file: newer.consumers_file,
            ..self.clone()
        }
    }
}
