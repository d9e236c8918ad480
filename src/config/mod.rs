//! countersign.yaml: as written -> resolved and valid.

mod settings;

pub use settings::{
    BodyHashPolicy, HostHeader, IdentityHeaders, Limits, Log, LogFormat, LogLevel, LogTarget, PublicUrl, RefusalSettings, Reveal,
    Server, Settings, Timeouts, Upstream, VerifySettings,
};
