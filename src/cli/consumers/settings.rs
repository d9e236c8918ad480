//! The options for the settings of a consumer, the same for `add` and `edit`.

use clap::Args;

use super::keys::KeyReader;
use crate::cli::failure::Failure;
use crate::consumers::edit::{AllowRule, Change, CredentialFile, Rate, Setting};

/// One option for each setting.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct Settings {
    /// Its name, shown to people
    #[arg(long)]
    name: Option<String>,
    /// What it is, shown to people
    #[arg(long)]
    description: Option<String>,
    /// A file with its public key or certificate, - for standard input; several while a key is rolled over
    #[arg(long, value_name = "FILE|-")]
    public_key: Vec<String>,
    /// Where users come back to from the authorization
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,
    /// Let its requests in
    #[arg(long, conflicts_with = "disabled")]
    enabled: bool,
    /// Refuse its requests
    #[arg(long)]
    disabled: bool,
    /// What it may sign with: RSA-SHA1, RSA-SHA256 or RSA-SHA512
    #[arg(long, value_name = "METHOD")]
    signature_method: Vec<String>,
    /// Whether it may ask users for tokens
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    three_legged: Option<bool>,
    /// Whether it may call without a token
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    two_legged: Option<bool>,
    /// The user that the application is told when it calls without a token
    #[arg(long, value_name = "USER")]
    execute_as: Option<String>,
    /// Whether it may name that user itself
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    impersonation: Option<bool>,
    /// What it may reach, such as '/rest/**' or 'GET,POST /rest/**'
    #[arg(long, value_name = "[METHODS ]PATH", value_parser = parse_allow)]
    allow: Vec<AllowRule>,
    /// Where it may come from, an address or a network
    #[arg(long, value_name = "NETWORK")]
    allow_from: Vec<String>,
    /// How often it may call, such as 100/1s
    #[arg(long, value_name = "REQUESTS/TIME", value_parser = parse_rate)]
    rate_limit: Option<Rate>,
    /// From when on it is refused, such as 2027-01-01
    #[arg(long, value_name = "DATE")]
    expires: Option<String>,
    /// Whether it may leave out oauth_callback
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    allow_oauth_1_0: Option<bool>,
    /// Whether its key may be one whose private half is public
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    allow_published_key: Option<bool>,
    /// A file with the user:password that the application gets with its requests; the path begins at the consumers file's folder
    #[arg(long, value_name = "FILE", conflicts_with = "upstream_bearer_file")]
    upstream_basic_file: Option<String>,
    /// A file with the bearer token that the application gets with its requests
    #[arg(long, value_name = "FILE")]
    upstream_bearer_file: Option<String>,
    /// What its refusals tell it: code, diagnosis or base_string
    #[arg(long, value_name = "WHAT")]
    reveal: Option<String>,
}

impl Settings {
    /// The changes that the options ask for.
    pub(super) fn change(&self, reader: &mut KeyReader) -> Result<Change, Failure> {
        let enabled = (self.enabled || self.disabled).then_some(self.enabled);
        let keys: Vec<String> = self.public_key.iter().map(|file| reader.read(file)).collect::<Result<_, _>>()?;
        Ok(Change {
            key: None,
            name: one(&self.name),
            description: one(&self.description),
            public_keys: several(&keys),
            callback_url: one(&self.callback_url),
            enabled: one(&enabled),
            signature_methods: several(&self.signature_method),
            three_legged: one(&self.three_legged),
            two_legged: one(&self.two_legged),
            execute_as: one(&self.execute_as),
            impersonation: one(&self.impersonation),
            allow: several(&self.allow),
            allow_from: several(&self.allow_from),
            rate_limit: one(&self.rate_limit),
            expires: one(&self.expires),
            allow_oauth_1_0: one(&self.allow_oauth_1_0),
            allow_published_key: one(&self.allow_published_key),
            upstream_authorization: one(&self.upstream_authorization()),
            reveal: one(&self.reveal),
        })
    }

    fn upstream_authorization(&self) -> Option<CredentialFile> {
        let basic = self.upstream_basic_file.clone().map(CredentialFile::Basic);
        basic.or_else(|| self.upstream_bearer_file.clone().map(CredentialFile::Bearer))
    }
}

/// The options of `edit` that take a setting out, so that its default counts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Back to the default")]
pub(super) struct TakeOut {
    /// Take the description out
    #[arg(long, conflicts_with = "description")]
    no_description: bool,
    /// Take the callback URL out
    #[arg(long, conflicts_with = "callback_url")]
    no_callback_url: bool,
    /// Let it sign with what all may
    #[arg(long, conflicts_with = "signature_method")]
    no_signature_methods: bool,
    /// Tell the application no user
    #[arg(long, conflicts_with = "execute_as")]
    no_execute_as: bool,
    /// Let it reach everything that the routes allow
    #[arg(long, conflicts_with = "allow")]
    no_allow: bool,
    /// Let it come from anywhere
    #[arg(long, conflicts_with = "allow_from")]
    no_allow_from: bool,
    /// Let it call as often as it likes
    #[arg(long, conflicts_with = "rate_limit")]
    no_rate_limit: bool,
    /// Let it never expire
    #[arg(long, conflicts_with = "expires")]
    no_expires: bool,
    /// Give the application no credential with its requests
    #[arg(long, conflicts_with_all = ["upstream_basic_file", "upstream_bearer_file"])]
    no_upstream_authorization: bool,
    /// Tell it what all are told
    #[arg(long, conflicts_with = "reveal")]
    no_reveal: bool,
}

impl TakeOut {
    /// Adds what is taken out to the changes.
    pub(super) fn apply_to(&self, change: &mut Change) {
        take_out(self.no_description, &mut change.description);
        take_out(self.no_callback_url, &mut change.callback_url);
        take_out(self.no_signature_methods, &mut change.signature_methods);
        take_out(self.no_execute_as, &mut change.execute_as);
        take_out(self.no_allow, &mut change.allow);
        take_out(self.no_allow_from, &mut change.allow_from);
        take_out(self.no_rate_limit, &mut change.rate_limit);
        take_out(self.no_expires, &mut change.expires);
        take_out(self.no_upstream_authorization, &mut change.upstream_authorization);
        take_out(self.no_reveal, &mut change.reveal);
    }
}

fn take_out<T>(asked: bool, setting: &mut Setting<T>) {
    if asked {
        *setting = Setting::TakeOut;
    }
}

fn one<T: Clone>(option: &Option<T>) -> Setting<T> {
    option.clone().map_or(Setting::Keep, Setting::To)
}

fn several<T: Clone>(options: &[T]) -> Setting<Vec<T>> {
    if options.is_empty() { Setting::Keep } else { Setting::To(options.to_vec()) }
}

fn parse_allow(text: &str) -> Result<AllowRule, String> {
    let (methods, path) = text.rsplit_once(' ').unwrap_or(("", text));
    if !path.starts_with('/') {
        return Err("write a path, such as '/rest/**', and before it perhaps methods: 'GET,POST /rest/**'".to_owned());
    }
    let methods = methods.split([',', ' ']).filter(|method| !method.is_empty()).map(str::to_owned).collect();
    Ok(AllowRule { path: path.to_owned(), methods })
}

fn parse_rate(text: &str) -> Result<Rate, String> {
    let found = text.split_once('/').and_then(|(requests, per)| Some((requests.trim().parse().ok()?, per.trim())));
    let (requests, per) = found.ok_or("write the requests and the time, such as 100/1s")?;
    Ok(Rate { requests, per: per.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_path_with_methods_before_it() {
        let rule = |methods: &[&str], path: &str| AllowRule {
            path: path.into(),
            methods: methods.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(parse_allow("/rest/**"), Ok(rule(&[], "/rest/**")));
        assert_eq!(parse_allow("GET,POST /rest/**"), Ok(rule(&["GET", "POST"], "/rest/**")));
        assert_eq!(parse_allow("GET POST /"), Ok(rule(&["GET", "POST"], "/")));
        assert!(parse_allow("rest").is_err() && parse_allow("").is_err());
    }

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        assert_eq!(parse_rate("100/1s"), Ok(Rate { requests: 100, per: "1s".into() }));
        assert!(parse_rate("100").is_err() && parse_rate("a/1s").is_err());
    }
}
