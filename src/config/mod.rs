//! countersign.yaml: as written -> resolved and valid.

mod admin;
mod dance;
mod load;
mod read;
mod replay;
mod restart;
mod review;
mod settings;
mod state_directory;
mod tls;

pub use admin::{AdminAddress, AdminSettings};
pub use dance::{DancePaths, DanceSettings, Lifetimes, LoginUrl, ProbedUser, ResourceOwner, SessionProbe};
pub(crate) use load::load_document;
pub use load::{Loaded, MAX_SIZE, Options, Refused, Source, load};
pub(crate) use read::{methods, networks, path_pattern, reveal, signature_methods};
pub use replay::{SharedReplay, StoreAddress, StoreKey, StorePassword};
pub use settings::{
    BodyHashPolicy, HostHeader, IdentityHeaders, Limits, Log, LogFormat, LogLevel, LogTarget, PublicUrl, RefusalSettings, Reveal,
    Server, Settings, Timeouts, Upstream, VerifySettings,
};
pub use tls::{CertificatePair, ClientCertificates, Listener, ListenerTls, PemFile, UpstreamTls};
